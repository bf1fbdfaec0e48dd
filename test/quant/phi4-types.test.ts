import { describe, expect, it } from 'vitest'
import { type GgmlType, rowBytes } from '#dist/formats/ggml/block-types.js'
import { chooseTypes } from '#dist/quant/choose-types.js'
import { recipe, recipeNames } from '#dist/quant/recipes.js'
import golden from '../golden/phi4-types.json' with { type: 'json' }
import { fusedModel, phi4 } from '../helpers/model-shapes.ts'

type Expected = string | { default: string } | { default: string; [type: string]: string | number[] }

/** What llama.cpp's dry run chose for `name`, from the golden file. */
function expectedType(types: Record<string, Expected>, name: string): string {
  const layer = /^blk\.(\d+)\./.exec(name)?.[1]
  const entry = types[name.replace(/^blk\.\d+\./, 'blk.*.')]
  if (entry === undefined) throw new Error(`the golden file does not have ${name}`)
  if (typeof entry === 'string') return entry
  const special = Object.entries(entry).find(([, layers]) => Array.isArray(layers) && layers.includes(Number(layer)))
  return special?.[0] ?? entry.default
}

describe('the real Phi-4, mix latest', () => {
  const tensors = fusedModel(phi4)
  const covered = recipeNames.filter((name) => name in golden)

  it('is compared under all recipes but the rarest', () => {
    const guided = ['IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ2_M', 'Q2_K_S', 'IQ3_XXS', 'IQ3_XS']
    const rare = [...guided, 'Q1_0', 'TQ1_0', 'TQ2_0', 'Q2_0', 'MXFP4_MOE', 'F32']
    expect(covered).toEqual(recipeNames.filter((name) => !rare.includes(name)))
    expect(tensors).toHaveLength(243)
  })

  it.each(covered)('gets the types and the size of %s that llama.cpp chose', (name) => {
    const { types, quant_size_MiB } = golden[name as keyof typeof golden]
    const chosen = chooseTypes(tensors, phi4, recipe(name), 'latest')
    const expected = tensors.map((tensor) => expectedType(types as Record<string, Expected>, tensor.name))
    expect(chosen.map(({ type }) => type)).toEqual(expected)
    expect(chosen.every(({ fallback }) => fallback === undefined)).toBe(true)
    const bytes = tensors.map(({ shape }, i) => {
      const rows = shape.length === 1 ? 1 : (shape[0] ?? 0)
      return rows * rowBytes(chosen[i]?.type as GgmlType, shape.at(-1) ?? 0)
    })
    expect((bytes.reduce((sum, each) => sum + each, 0) / 1024 ** 2).toFixed(2)).toBe(quant_size_MiB.toFixed(2))
  })
})
