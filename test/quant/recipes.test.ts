import { expect, it } from 'vitest'
import { findRecipe, isRecipeName, recipe, recipeNames } from '#dist/quant/recipes.js'

it('knows every recipe once, each by a file type of its own', () => {
  expect(recipeNames).toEqual([
    ...['Q1_0', 'IQ1_S', 'IQ1_M', 'TQ1_0', 'TQ2_0', 'IQ2_XXS', 'Q2_0', 'IQ2_XS', 'IQ2_S', 'IQ2_M'],
    ...['Q2_K_S', 'Q2_K', 'IQ3_XXS', 'IQ3_XS', 'Q3_K_S', 'IQ3_S', 'IQ3_M', 'Q3_K_M', 'Q3_K_L'],
    ...['IQ4_XS', 'Q4_0', 'Q4_K_S', 'IQ4_NL', 'Q4_K_M', 'Q4_1', 'Q5_0', 'Q5_K_S', 'Q5_K_M', 'Q5_1', 'Q6_K'],
    ...['MXFP4_MOE', 'Q8_0'],
    ...['F16', 'BF16', 'F32'],
  ])
  expect(new Set(recipeNames.map((name) => recipe(name).fileType)).size).toBe(recipeNames.length)
})

it.each([
  ['Q3_K_M', 'Q3_K_M'],
  ['q3_k_m', 'Q3_K_M'],
  ['Q3KM', 'Q3_K_M'],
  ['q4-k-s', 'Q4_K_S'],
  ['q8_0', 'Q8_0'],
  ['iq3xs', 'IQ3_XS'],
  ['TQ10', 'TQ1_0'],
  [' bf16 ', 'BF16'],
  // Short for the mix that most people mean, as in llama-quantize.
  ['Q3_K', 'Q3_K_M'],
  ['q4k', 'Q4_K_M'],
  ['Q5_K', 'Q5_K_M'],
])('finds %j as %s', (text, name) => {
  expect(findRecipe(text)).toEqual(recipe(name as 'Q3_K_M'))
})

it.each(['', 'Q3_K_X', 'Q2_K_M', 'toString', 'Q3_K_M.gguf'])('does not find %j', (text) => {
  expect(findRecipe(text)).toBeUndefined()
  expect(isRecipeName(text)).toBe(false)
})
