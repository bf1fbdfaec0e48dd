import { beforeAll, describe, expect, test } from 'vitest'
import type { ModelFolder } from '#dist/formats/safetensors/model-folder.js'
import { openModelFolder } from '#dist/formats/safetensors/open-folder.js'
import { describeModel } from '#dist/model/describe.js'
import type { ModelDescription } from '#dist/model/description.js'
import { makePlan } from '#dist/plan/make-plan.js'
import { planSize } from '#dist/plan/plan-files.js'
import { planEachRecipe } from '#dist/plan/plan-recipes.js'
import { plainRequest } from '#dist/plan/plan-request.js'
import { type RecipeName, recipe, recipeNames } from '#dist/quant/recipes.js'
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
    expect(makePlan(folder, description, plainRequest(recipe('Q3_K_M'))).tensors).toHaveLength(243)
  })

  const sizes = Object.entries(golden).map(
    ([name, { quant_size_MiB }]) => [name as RecipeName, quant_size_MiB] as const,
  )

  test.each(sizes)('as %s has the %d MiB of tensors that llama.cpp reckons', (name, expected) => {
    const plan = makePlan(folder, description, plainRequest(recipe(name)))
    const bytes = plan.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
    expect(Number((bytes / 2 ** 20).toFixed(2))).toBe(expected)
    expect(planSize(plan)).toBe(Math.max(...plan.tensors.map(({ offset, byteLength }) => offset + byteLength)))
  })

  test('is planned under every recipe that it can have, from the smallest file to the largest', () => {
    const { plans, refused } = planEachRecipe(folder, description, plainRequest(recipe('F16'), 'latest'))
    const guided = ['IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ2_M', 'Q2_K_S', 'IQ3_XXS', 'IQ3_XS']
    expect(plans.map(({ recipe }) => recipe)).toEqual(recipeNames.filter((name) => !guided.includes(name)))
    expect(refused.map(({ recipe }) => recipe)).toEqual(guided)
    expect(refused.slice(-2)).toEqual([
      {
        recipe: 'IQ3_XXS',
        error: expect.objectContaining({ code: 'IMPORTANCE_MISSING', subject: 'blk.0.ffn_up.weight' }),
      },
      {
        recipe: 'IQ3_XS',
        error: expect.objectContaining({ code: 'IMPORTANCE_MISSING', subject: 'blk.5.ffn_up.weight' }),
      },
    ])
    const refusedInB3613 = ['Q1_0', 'TQ1_0', 'TQ2_0', 'Q2_0', 'MXFP4_MOE', ...guided.slice(0, -2)]
    expect(
      planEachRecipe(folder, description, plainRequest(recipe('F16'), 'b3613')).refused.map(({ recipe }) => recipe),
    ).toEqual(recipeNames.filter((name) => refusedInB3613.includes(name)))
  })

  test('gives the same plan, byte for byte, when it is understood a second time', async () => {
    const again = await openModelFolder(path())
    const first = makePlan(folder, description, plainRequest(recipe('Q3_K_M')))
    const second = makePlan(again, await describeModel(again, { overrides: new Map() }), plainRequest(recipe('Q3_K_M')))
    expect(second.fingerprint).toBe(first.fingerprint)
    const headers = [first, second].map(({ files }) => files[0]?.header ?? new Uint8Array())
    expect(Buffer.compare(...(headers as [Uint8Array, Uint8Array]))).toBe(0)
  })
})
