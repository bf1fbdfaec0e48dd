import { describe, expect, it } from 'vitest'
import { chooseTypes } from '#dist/quant/choose-types.js'
import { type RecipeName, recipe, recipeNames } from '#dist/quant/recipes.js'
import golden from '../golden/b3613-types.json' with { type: 'json' }
import { tinyModels } from '../helpers/tiny-models.ts'
import { type TypesByKind, typesByKind } from '../helpers/types-by-kind.ts'

type Golden = Record<string, Record<string, TypesByKind | null>>

describe('types of the mix b3613 are those that llama-quantize of that release chose', () => {
  const models: Golden = golden.models

  it('for every model that the tests compare', () => {
    expect(Object.keys(models)).toEqual(tinyModels.map(({ title }) => title))
  })

  describe.each(tinyModels)('$title', ({ title, model, tensors }) => {
    /** What b3613 cannot store (null) is nothing to compare with. */
    const comparable = recipeNames.filter((name: RecipeName) => models[title]?.[name] !== null)

    it.each(comparable)('%s', (name) => {
      const types = chooseTypes(tensors, model, recipe(name), 'b3613').map(({ type }) => type)
      expect(typesByKind(tensors, types)).toEqual(models[title]?.[name])
    })
  })
})
