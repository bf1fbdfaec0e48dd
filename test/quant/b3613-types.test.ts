import { describe, expect, it } from 'vitest'
import { chooseTypes } from '#dist/quant/choose-types.js'
import { type RecipeName, recipe, recipeNames } from '#dist/quant/recipes.js'
import { recipeDecides, type TypeOptions } from '#dist/quant/type-options.js'
import golden from '../golden/b3613-types.json' with { type: 'json' }
import { foreignModels } from '../helpers/foreign-models.ts'
import { tinyModels } from '../helpers/tiny-models.ts'
import { type TypesByKind, typesByKind } from '../helpers/types-by-kind.ts'

/** null: there is nothing to compare with; "same": as without an importance matrix. */
type Outcome = TypesByKind | { readonly refused: string } | 'same' | null
type Outcomes = Record<string, Record<string, Outcome>>

describe('types of the mix b3613 are those that llama-quantize of that release chose', () => {
  // Too large for its exact type.
  const { models: plain, guided } = golden as unknown as { models: Outcomes; guided: Outcomes }
  const inBoth = recipeNames.filter((name) => !isLacking(name))
  const models = [...tinyModels, ...foreignModels].filter(({ title }) => title in plain)

  it('for every model that the tests compare, and every recipe that the release has', () => {
    // It does not know three of the others, and two have tensors that no model of theirs had then.
    expect(foreignModels.length + tinyModels.length - models.length).toBe(5)
    expect(Object.keys(plain)).toEqual(models.map(({ title }) => title))
    expect(Object.keys(guided)).toEqual(models.map(({ title }) => title))
    for (const outcomes of Object.values({ ...plain, ...guided })) expect(Object.keys(outcomes)).toEqual(inBoth)
  })

  describe.each(models)('$title', ({ title, model, tensors }) => {
    const compare = (name: RecipeName, outcome: Outcome | undefined, options: TypeOptions) => {
      const choose = () => chooseTypes(tensors, model, recipe(name), 'b3613', options).map(({ type }) => type)
      if (outcome === undefined || outcome === null || outcome === 'same') throw new Error(`no types of ${name}`)
      if ('refused' in outcome)
        expect(choose).toThrow(expect.objectContaining({ code: 'IMPORTANCE_MISSING', subject: outcome.refused }))
      else expect(typesByKind(tensors, choose())).toEqual(outcome)
    }

    it.each(inBoth.filter((name) => plain[title]?.[name] !== null))('%s', (name) => {
      compare(name, plain[title]?.[name], recipeDecides)
    })

    it.each(inBoth.filter((name) => guided[title]?.[name] !== null))('%s, with an importance matrix', (name) => {
      const outcome = guided[title]?.[name]
      const sameAs = outcome === 'same' ? plain[title]?.[name] : outcome
      compare(name, sameAs, { ...recipeDecides, hasImportance: () => true })
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
