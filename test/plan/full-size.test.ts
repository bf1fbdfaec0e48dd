import { beforeAll, describe, expect, test } from 'vitest'
import type { ModelFolder } from '#dist/formats/safetensors/model-folder.js'
import { openModelFolder } from '#dist/formats/safetensors/open-folder.js'
import { describeModel } from '#dist/model/describe.js'
import type { ModelDescription } from '#dist/model/description.js'
import { makePlan } from '#dist/plan/make-plan.js'
import { type RecipeName, recipe } from '#dist/quant/recipes.js'
import { writeCl100kTokenizer } from '../../fixtures/cl100k-tokenizer.ts'
import { writeModelFolder } from '../../fixtures/model-folder.ts'
import { phi4Shape } from '../../fixtures/model-shapes.ts'
import golden from '../golden/phi4-types.json' with { type: 'json' }
import { suiteFolder } from '../helpers/suite-folder.ts'

describe('the real Phi-4, 13 shards of 58.6 GB in holes, with the config that lies', () => {
  const path = suiteFolder()
  let folder: ModelFolder
  let description: ModelDescription

  beforeAll(async () => {
    await writeModelFolder(path(), phi4Shape, {
      shards: 13,
      sparse: true,
      lyingConfig: true,
      extras: (place) => writeCl100kTokenizer(place),
    })
    folder = await openModelFolder(path())
    description = await describeModel(folder, { overrides: new Map() })
  })

  test('is planned from 58.64 GB of F32', () => {
    const bytes = [...folder.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
    expect(bytes).toBe(14_659_507_200 * 4)
    expect(makePlan(folder, description, recipe('Q3_K_M'), 'latest').tensors).toHaveLength(243)
  })

  const sizes: [RecipeName, number][] = (Object.keys(golden) as (keyof typeof golden)[])
    .filter((name) =>
      [
        'Q2_K',
        'Q3_K_S',
        'Q3_K_M',
        'Q3_K_L',
        'Q4_K_S',
        'Q4_K_M',
        'Q5_K_S',
        'Q5_K_M',
        'Q6_K',
        'Q8_0',
        'F16',
        'BF16',
      ].includes(name),
    )
    .map((name) => [name as RecipeName, golden[name].quant_size_MiB])

  test.each(sizes)('as %s has the %d MiB of tensors that llama.cpp reckons', (name, expected) => {
    const plan = makePlan(folder, description, recipe(name), 'latest')
    const bytes = plan.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
    expect(Number((bytes / 2 ** 20).toFixed(2))).toBe(expected)
    expect(plan.size).toBe(Math.max(...plan.tensors.map(({ offset, byteLength }) => offset + byteLength)))
  })

  test('gives the same plan, byte for byte, when it is understood a second time', async () => {
    const again = await openModelFolder(path())
    const first = makePlan(folder, description, recipe('Q3_K_M'), 'latest')
    const second = makePlan(again, await describeModel(again, { overrides: new Map() }), recipe('Q3_K_M'), 'latest')
    expect(second.fingerprint).toBe(first.fingerprint)
    expect(Buffer.compare(second.header, first.header)).toBe(0)
  })
})
