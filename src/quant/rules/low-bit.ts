import type { RecipeName } from '../recipes.ts'

const lowBit: ReadonlySet<RecipeName> = new Set<RecipeName>(['IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ2_M'])

/** The recipes of about two bits and less, to which some rules for all others do not apply. */
export function isLowBit(recipe: RecipeName): boolean {
  return lowBit.has(recipe)
}
