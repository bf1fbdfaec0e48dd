import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GGMLQuantizationType, gguf } from '@huggingface/gguf'
import { beforeAll, describe, expect, test } from 'vitest'
import { convert } from '#dist/convert/convert.js'
import { verifyFile } from '#dist/convert/verify/verify-file.js'
import type { SplitRule } from '#dist/plan/split.js'
import type { RecipeName } from '#dist/quant/recipes.js'
import { convertFolder, convertOptions, planOutputs } from '../helpers/convert-folder.ts'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { startLlama } from '../helpers/llama-process.ts'
import { quantizeModel } from '../helpers/llama-runtime.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const libraries = oracleLibraries()

describe.skipIf('missing' in libraries)('an output that is split', () => {
  const folder = suiteFolder()
  const path = (name: string) => join(folder(), name)

  beforeAll(async () => {
    await writeSmallModel(folder(), { layout: 'split', shards: 2 })
  })

  /** Converts, and gives the names of the files made. */
  async function split(model: string, type: RecipeName, name: string, rule: SplitRule): Promise<string[]> {
    const plan = await planOutputs(model, [type], { split: rule })
    expect((await convert(plan, convertOptions(path(name)))).kind).toBe('published')
    const stem = name.replace('.gguf', '')
    return (await readdir(folder())).filter((file) => file.startsWith(`${stem}-`) && file.endsWith('.gguf')).sort()
  }

  test('is what llama_model_quantize makes of our F32 split, byte for byte', async () => {
    const rule = { maxTensors: 10 }
    const [first = ''] = await split(folder(), 'F32', 'source.gguf', rule)
    const ours = await split(path(first), 'Q4_K_M', 'ours.gguf', rule)
    await quantizeModel(path(first), path('theirs'), { ftype: 'Q4_K_M', keep_split: true })
    expect(ours.length).toBeGreaterThan(2)
    for (const name of ours) {
      const theirs = await readFile(path(name.replace('ours', 'theirs')))
      expect(Buffer.compare(await readFile(path(name)), theirs), name).toBe(0)
    }
  })

  test.each<[string, SplitRule]>([
    ['by number of tensors', { maxTensors: 7 }],
    ['by size', { maxBytes: 100_000 }],
    ['with metadata alone in the first file', { maxBytes: 300_000, firstWithoutTensors: true }],
    ['into one file', { maxTensors: 1000 }],
  ])('%s is loaded by llama.cpp from its first file, and has the tensors of the whole', async (how, rule) => {
    const name = `${how.replaceAll(' ', '-')}.gguf`
    const names = await split(folder(), 'Q3_K_M', name, rule)
    await convertFolder(folder(), 'Q3_K_M', path(`whole-${name}`))
    const llama = startLlama()
    try {
      const { tokens } = await llama.call('load', path(names[0] ?? ''), false)
      expect(tokens).toBeGreaterThan(1000)
    } finally {
      llama.stop()
    }
    const whole = await gguf(path(`whole-${name}`), { allowLocalFile: true })
    const parts = await Promise.all(names.map((part) => gguf(path(part), { allowLocalFile: true })))
    expect(parts.flatMap(({ tensorInfos }) => tensorInfos.map(facts))).toEqual(whole.tensorInfos.map(facts))
    for (const [index, part] of parts.entries()) {
      const { metadata, tensorInfos } = part
      expect(metadata).toMatchObject({ 'split.no': index, 'split.count': parts.length })
      expect(metadata['split.tensors.count' as never]).toBe(whole.tensorInfos.length)
      expect('general.architecture' in metadata).toBe(index === 0)
      if (rule.maxTensors !== undefined) expect(tensorInfos.length).toBeLessThanOrEqual(rule.maxTensors)
      expect((await verifyFile(path(names[index] ?? ''), () => {})).digests).toBe('match')
    }
    expect(parts[0]?.tensorInfos.length === 0).toBe(rule.firstWithoutTensors === true)
  })
})

function facts({ name, dtype, shape }: { name: string; dtype: GGMLQuantizationType; shape: readonly bigint[] }) {
  return [name, GGMLQuantizationType[dtype], shape.join()]
}
