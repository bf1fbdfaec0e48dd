import { describe, expect, it } from 'vitest'
import { idToTitle, parseModelId } from '#dist/model/metadata/model-id.js'

describe('parseModelId', () => {
  // What llama.cpp's converter makes of these names (its rules are tested there on names of the same kinds).
  it.each([
    ['microsoft/phi-4', 14.66e9, { organization: 'microsoft', name: 'phi-4', basename: 'phi', version: '4' }],
    [
      'microsoft/Phi-3-mini-4k-instruct',
      3.82e9,
      { organization: 'microsoft', basename: 'Phi-3', sizeLabel: 'mini', finetune: '4k-instruct' },
    ],
    [
      'meta-llama/Meta-Llama-3.1-8B-Instruct',
      8.03e9,
      { basename: 'Meta-Llama-3.1', sizeLabel: '8B', finetune: 'Instruct' },
    ],
    ['mistralai/Mixtral-8x7B-Instruct-v0.1', 46.7e9, { sizeLabel: '8x7B', finetune: 'Instruct', version: 'v0.1' }],
    ['bigscience/bloom-7b1-petals', 7.1e9, { basename: 'bloom', sizeLabel: '7.1B', finetune: 'petals' }],
    ['01-ai/Yi-9B-200K', 8.8e9, { basename: 'Yi', sizeLabel: '9B', finetune: '200k' }],
    ['mibera-v1-14B-merged', 14.66e9, { basename: 'mibera-v1', sizeLabel: '14B', finetune: 'merged' }],
    ['./phi-4', 0, { name: 'phi-4', basename: 'phi', version: '4' }],
  ])('takes %s apart', (id, parameters, expected) => {
    const parsed = parseModelId(id, parameters)
    expect(parsed).toMatchObject(expected)
    if (id.startsWith('.')) expect(parsed.organization).toBeUndefined()
  })

  it('leaves a name of plain words alone', () => {
    expect(parseModelId('someone/hermes', 7e9)).toEqual({ organization: 'someone', name: 'hermes' })
    expect(parseModelId('mibera-v1-merged', 14.66e9)).toEqual({ name: 'mibera-v1-merged' })
    expect(parseModelId('My own model', 7e9)).toEqual({ name: 'My own model' })
  })
})

describe('idToTitle', () => {
  it.each([
    ['phi-4', 'Phi 4'],
    ['Mixtral-8x7B-Instruct-v0.1', 'Mixtral 8x7B Instruct v0.1'],
    ['meta-llama', 'Meta Llama'],
    ['ivxxdegen', 'Ivxxdegen'],
    ['qwen2_moe-base', 'Qwen2_Moe Base'],
  ])('writes %s as %s', (id, title) => {
    expect(idToTitle(id)).toBe(title)
  })
})
