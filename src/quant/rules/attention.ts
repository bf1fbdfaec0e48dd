import type { RecipeName } from '../recipes.ts'
import { inLayersOfMoreBits } from './more-bits.ts'
import { type Position, type RuledType, type RuleTable, ruledType } from './ruled-type.ts'

const values: RuleTable = {
  Q2_K: 'Q3_K',
  IQ3_XXS: 'IQ3_S',
  IQ3_M: 'Q4_K',
  Q3_K_M: ({ index }) =>
    index < 2
      ? { type: 'Q5_K', reason: 'attention values of the first 2 layers' }
      : { type: 'Q4_K', reason: 'attention values' },
  Q3_K_L: 'Q5_K',
  Q4_K_S: ({ index }) => (index < 4 ? { type: 'Q5_K', reason: 'attention values of the first 4 layers' } : undefined),
  Q4_K_M: inLayersOfMoreBits('Q6_K', 'attention values'),
  Q5_K_M: inLayersOfMoreBits('Q6_K', 'attention values'),
}

/** Where 4 or more query heads share a value head, its weights are few and count the more. */
const sharedValues: RuleTable = {
  Q2_K: 'Q4_K',
  IQ3_XXS: 'Q4_K',
  IQ3_XS: 'Q4_K',
  IQ3_S: 'Q4_K',
  IQ4_XS: 'Q5_K',
  IQ4_NL: 'Q5_K',
}

/** `queriesPerValue` is the number of query heads that share one value head, rounded down. */
export function attentionValueType(recipe: RecipeName, at: Position, queriesPerValue: number): RuledType | undefined {
  const shared =
    queriesPerValue >= 4
      ? ruledType(sharedValues, recipe, at, 'attention values that 4 or more query heads share')
      : undefined
  return shared ?? ruledType(values, recipe, at, 'attention values')
}

const queriesAndKeys: RuleTable = { IQ3_XXS: 'IQ2_S', IQ3_XS: 'IQ3_XXS' }

/** Of the matrices for queries and for keys, which lose the least by fewer bits. */
export function attentionQueryOrKeyType(recipe: RecipeName, at: Position): RuledType | undefined {
  return ruledType(queriesAndKeys, recipe, at, 'attention queries and keys')
}

const fused: RuleTable = { IQ3_M: 'Q4_K', Q3_K_M: 'Q4_K', Q3_K_L: 'Q4_K', Q4_K_M: 'Q5_K', Q5_K_M: 'Q6_K' }

/** Of a q/k/v matrix, only where the mix does not count it as an attention value. */
export function fusedAttentionType(recipe: RecipeName, at: Position): RuledType | undefined {
  return ruledType(fused, recipe, at, 'fused attention')
}

const output: RuleTable = { Q2_K: 'Q3_K', IQ3_XXS: 'IQ3_S', IQ3_M: 'Q4_K', Q3_K_M: 'Q4_K', Q3_K_L: 'Q5_K' }

export function attentionOutputType(recipe: RecipeName, at: Position): RuledType | undefined {
  return ruledType(output, recipe, at, 'attention output')
}
