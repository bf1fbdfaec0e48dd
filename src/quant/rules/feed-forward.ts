import type { GgmlType } from '../../formats/ggml/block-types.ts'
import type { RecipeName } from '../recipes.ts'
import { inLayersOfMoreBits } from './more-bits.ts'
import { type Position, type Rule, type RuledType, type RuleTable, ruledType } from './ruled-type.ts'

const kind = 'feed-forward down'
const moreBits = (type: GgmlType): Rule => inLayersOfMoreBits(type, kind)

const down: RuleTable = {
  IQ1_S: inFirst(8, 'Q2_K'),
  IQ1_M: inFirst(8, 'Q2_K'),
  IQ2_XXS: inFirst(8, 'Q2_K'),
  IQ2_XS: inFirst(8, 'Q2_K'),
  IQ2_S: inFirst(8, 'IQ3_S'),
  IQ2_M: inFirst(8, 'IQ3_S'),
  Q2_K: 'Q3_K',
  Q2_K_S: inFirst(8, 'Q4_K'),
  IQ3_XXS: withoutImportance(inFirst(8, 'Q4_K', 'Q3_K')),
  IQ3_M: firstOf(inFirst(8, 'Q4_K'), besideEightExperts(moreBits('Q4_K'))),
  Q3_K_M: inFirst(16, 'Q5_K', 'Q4_K'),
  Q3_K_L: 'Q5_K',
  IQ4_XS: withoutImportance(inFirst(8, 'Q5_K')),
  IQ4_NL: withoutImportance(inFirst(8, 'Q5_K')),
  // With importances these two can go astray in the first layers.
  Q4_0: withImportance(inFirst(8, 'Q4_1')),
  Q5_0: withImportance(inFirst(8, 'Q5_1')),
  Q4_K_S: inFirst(8, 'Q5_K'),
  Q4_K_M: moreBits('Q6_K'),
  Q5_K_M: moreBits('Q6_K'),
}

const falconDown: RuleTable = {
  ...down,
  Q3_K_M: firstOf(inFirst(16, 'Q5_K'), moreBits('Q4_K')),
  Q3_K_L: 'Q4_K',
  Q4_K_S: () => undefined,
  Q4_K_M: firstOf(inFirst(16, 'Q6_K'), moreBits('Q5_K')),
}

export function feedForwardDownType(recipe: RecipeName, at: Position): RuledType | undefined {
  return ruledType(at.model.falcon ? falconDown : down, recipe, at, kind)
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
    if (index < Math.floor(count / part)) return { type, reason: `${kind} in the first 1/${part} of the layers` }
    return otherwise && { type: otherwise, reason: kind }
  }
}

function firstOf(...rules: readonly Rule[]): Rule {
  return (at) => {
    for (const rule of rules) {
      const ruled = apply(rule, at)
      if (ruled !== undefined) return ruled
    }
    return undefined
  }
}

function withImportance(rule: Rule): Rule {
  return (at) => (at.model.guided ? apply(rule, at) : undefined)
}

function withoutImportance(rule: Rule): Rule {
  return (at) => (at.model.guided ? undefined : apply(rule, at))
}

function besideEightExperts(rule: Rule): Rule {
  return (at) => (at.model.experts === 8 ? apply(rule, at) : undefined)
}

function apply(rule: Rule, at: Position): RuledType | undefined {
  return typeof rule === 'string' ? { type: rule, reason: kind } : rule(at)
}
