import type { Recipe, RecipeName } from '../recipes.ts'
import { isLowBit } from './low-bit.ts'
import { inLayersOfMoreBits } from './more-bits.ts'
import { type Position, type RuledType, type RuleTable, ruledType } from './ruled-type.ts'

const values: RuleTable = {
  ...({ IQ1_S: 'Q2_K', IQ1_M: 'Q2_K', IQ2_XXS: 'Q2_K', IQ2_XS: 'Q2_K', IQ2_S: 'IQ3_S', IQ2_M: 'IQ3_S' } as const),
  Q2_K: 'Q3_K',
  IQ3_XXS: ({ model }) => (model.guided ? undefined : { type: 'IQ3_S', reason: 'attention values' }),
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
  ...({ IQ1_S: 'Q4_K', IQ1_M: 'Q4_K', IQ2_XXS: 'Q4_K', IQ2_XS: 'Q4_K', IQ2_S: 'Q4_K', IQ2_M: 'Q4_K' } as const),
  Q2_K: 'Q4_K',
  Q2_K_S: 'Q4_K',
  IQ3_XXS: 'Q4_K',
  IQ3_XS: 'Q4_K',
  IQ3_S: 'Q4_K',
  IQ4_XS: 'Q5_K',
  IQ4_NL: 'Q5_K',
}

export function attentionValueType({ name, baseType }: Recipe, at: Position): RuledType | undefined {
  const { experts, queriesPerValue, is70B } = at.model
  const [own, shared] = [ruledType(values, name, at, 'attention values'), ruledType(sharedValues, name, at, sharedKind)]
  const ruled = queriesPerValue >= 4 ? (shared ?? own) : own
  if (isLowBit(name)) {
    return experts >= 4 && shared !== undefined ? { ...shared, reason: 'attention values beside experts' } : ruled
  }
  if (experts === 8) return { type: 'Q8_0', reason: 'attention values of a model of 8 experts' }
  const type = ruled?.type ?? baseType
  return is70B && (type === 'Q3_K' || type === 'Q4_K')
    ? { type: 'Q5_K', reason: 'attention values of a model of 70B kind' }
    : ruled
}

const sharedKind = 'attention values that 4 or more query heads share'

const queriesAndKeys: RuleTable = { IQ3_XXS: 'IQ2_S', IQ3_XS: 'IQ3_XXS' }

/** Of the matrices for queries, which like those for keys lose the least by fewer bits. */
export function attentionQueryType(recipe: RecipeName, at: Position): RuledType | undefined {
  return ruledType(queriesAndKeys, recipe, at, 'attention queries and keys')
}

export function attentionKeyType(recipe: RecipeName, at: Position): RuledType | undefined {
  if (at.model.experts !== 8) return ruledType(queriesAndKeys, recipe, at, 'attention queries and keys')
  return { type: isLowBit(recipe) ? 'Q4_K' : 'Q8_0', reason: 'attention keys of a model of 8 experts' }
}

const fused: RuleTable = { IQ3_M: 'Q4_K', Q3_K_M: 'Q4_K', Q3_K_L: 'Q4_K', Q4_K_M: 'Q5_K', Q5_K_M: 'Q6_K' }

/** Of a q/k/v matrix, only where the mix does not count it as an attention value. */
export function fusedAttentionType(recipe: RecipeName, at: Position): RuledType | undefined {
  return ruledType(fused, recipe, at, 'fused attention')
}

const lowBitOutput: RuleTable = { IQ1_S: 'IQ2_XXS', IQ1_M: 'IQ2_XXS', IQ2_S: 'IQ3_S', IQ2_M: 'IQ3_S' }
const output: RuleTable = { Q2_K: 'Q3_K', IQ3_XXS: 'IQ3_S', IQ3_M: 'Q4_K', Q3_K_M: 'Q4_K', Q3_K_L: 'Q5_K' }
const falconOutput: RuleTable = { Q3_K_L: 'Q4_K' }

/** Recipes below five bits. */
const raisedBesideEightExperts: ReadonlySet<RecipeName> = new Set<RecipeName>([
  ...(['Q2_K', 'Q3_K_S', 'Q3_K_M', 'Q4_K_S', 'Q4_K_M'] as const),
  ...(['IQ3_XXS', 'IQ3_XS', 'IQ3_S', 'IQ3_M', 'IQ4_NL', 'IQ4_XS'] as const),
])

export function attentionOutputType(recipe: RecipeName, at: Position): RuledType | undefined {
  const { falcon, experts } = at.model
  if (falcon && !isLowBit(recipe)) return ruledType(falconOutput, recipe, at, 'attention output of a falcon')
  if (experts !== 8) return ruledType(isLowBit(recipe) ? lowBitOutput : output, recipe, at, 'attention output')
  return isLowBit(recipe) || raisedBesideEightExperts.has(recipe)
    ? { type: 'Q5_K', reason: 'attention output of a model of 8 experts' }
    : undefined
}
