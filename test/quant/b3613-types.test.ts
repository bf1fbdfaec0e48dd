import { describe, expect, it } from 'vitest'
import { chooseTypes } from '#dist/quant/choose-types.js'
import { type RecipeName, recipe, recipeNames } from '#dist/quant/recipes.js'
import golden from '../golden/b3613-types.json' with { type: 'json' }
import { tinyModels } from '../helpers/tiny-models.ts'
import { type TypesByKind, typesByKind } from '../helpers/types-by-kind.ts'

/** null: there is nothing to compare with. */
type Outcome = TypesByKind | { readonly refused: string } | null

describe('types of the mix b3613 are those that llama-quantize of that release chose', () => {
  const models: Record<string, Record<string, Outcome>> = golden.models
  /** Refused without an importance matrix for the first matrix that they come to. */
  const guided = ['IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ2_M', 'Q2_K_S']
  const inBoth = recipeNames.filter((name) => !isLacking(name) && !guided.includes(name))

  it('for every model that the tests compare, and every recipe that the release has', () => {
    expect(Object.keys(models)).toEqual(tinyModels.map(({ title }) => title))
    for (const outcomes of Object.values(models)) expect(Object.keys(outcomes)).toEqual(inBoth)
  })

  describe.each(tinyModels)('$title', ({ title, model, tensors }) => {
    const comparable = inBoth.filter((name: RecipeName) => models[title]?.[name] !== null)

    it.each(comparable)('%s', (name) => {
      const expected = models[title]?.[name] ?? {}
      const choose = () => chooseTypes(tensors, model, recipe(name), 'b3613').map(({ type }) => type)
      if ('refused' in expected)
        expect(choose).toThrow(expect.objectContaining({ code: 'IMPORTANCE_MISSING', subject: expected.refused }))
      else expect(typesByKind(tensors, choose())).toEqual(expected)
    })
  })

  it.each(recipeNames.filter(isLacking))('%s, which it does not have, is refused', (name) => {
    const { model, tensors } = tinyModels[0] as (typeof tinyModels)[number]
    expect(() => chooseTypes(tensors, model, recipe(name), 'b3613')).toThrow(
      expect.objectContaining({ code: 'TYPE_UNSUPPORTED', subject: name }),
    )
  })
})

/** Younger than b3613. */
function isLacking(name: RecipeName): boolean {
  return ['Q1_0', 'Q2_0', 'TQ1_0', 'TQ2_0', 'MXFP4_MOE'].includes(name)
}
