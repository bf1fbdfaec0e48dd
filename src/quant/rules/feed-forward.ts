import type { GgmlType } from '../../formats/ggml/block-types.ts'
import type { RecipeName } from '../recipes.ts'
import { inLayersOfMoreBits } from './more-bits.ts'
import { type Position, type Rule, type RuledType, type RuleTable, ruledType } from './ruled-type.ts'

const down: RuleTable = {
  Q2_K: 'Q3_K',
  IQ3_XXS: inFirst(8, 'Q4_K', 'Q3_K'),
  IQ3_M: inFirst(8, 'Q4_K'),
  Q3_K_M: inFirst(16, 'Q5_K', 'Q4_K'),
  Q3_K_L: 'Q5_K',
  IQ4_XS: inFirst(8, 'Q5_K'),
  IQ4_NL: inFirst(8, 'Q5_K'),
  Q4_K_S: inFirst(8, 'Q5_K'),
  Q4_K_M: inLayersOfMoreBits('Q6_K', 'feed-forward down'),
  Q5_K_M: inLayersOfMoreBits('Q6_K', 'feed-forward down'),
}

export function feedForwardDownType(recipe: RecipeName, at: Position): RuledType | undefined {
  return ruledType(down, recipe, at, 'feed-forward down')
}

const gateAndUp: RuleTable = {
  IQ3_XS: ({ index, count }) =>
    index >= Math.floor(count / 8) && index < Math.floor((7 * count) / 8)
      ? { type: 'IQ3_XXS', reason: 'feed-forward gate and up outside the first and last 1/8 of the layers' }
      : undefined,
}

/** Gates and ups are counted apart. */
export function feedForwardGateOrUpType(recipe: RecipeName, at: Position): RuledType | undefined {
  return ruledType(gateAndUp, recipe, at, 'feed-forward gate and up')
}

/** `type` in the first 1/`part` of the layers, `otherwise` (or the base type) in all others. */
function inFirst(part: number, type: GgmlType, otherwise?: GgmlType): Rule {
  return ({ index, count }) => {
    if (index < Math.floor(count / part)) {
      return { type, reason: `feed-forward down in the first 1/${part} of the layers` }
    }
    return otherwise && { type: otherwise, reason: 'feed-forward down' }
  }
}
