import type { GgmlType } from '../formats/ggml/block-types.ts'
import { getsMoreBits } from './more-bits.ts'
import type { RecipeName } from './recipes.ts'

/** A type other than the recipe's base type, and why, in a line for a person. */
export interface RuledType {
  readonly type: GgmlType
  readonly reason: string
}

/** The i-th of n tensors of one kind. */
export interface Position {
  readonly index: number
  readonly count: number
}

/*
 * llama.cpp's rules (`llama_tensor_get_type`), one function per kind of tensor. `undefined` leaves the base type.
 * Divisions of layer counts round down as there: a model of 15 layers has no "first 1/16".
 */

/** `queriesPerValue` is the number of query heads that share one value head, rounded down. */
export function attentionValueType(recipe: RecipeName, at: Position, queriesPerValue: number): RuledType | undefined {
  switch (recipe) {
    case 'Q2_K':
      return queriesPerValue >= 4
        ? { type: 'Q4_K', reason: 'attention values that 4 or more query heads share' }
        : { type: 'Q3_K', reason: 'attention values' }
    case 'Q3_K_M':
      return at.index < 2
        ? { type: 'Q5_K', reason: 'attention values of the first 2 layers' }
        : { type: 'Q4_K', reason: 'attention values' }
    case 'Q3_K_L':
      return { type: 'Q5_K', reason: 'attention values' }
    case 'Q4_K_S':
      return at.index < 4 ? { type: 'Q5_K', reason: 'attention values of the first 4 layers' } : undefined
    case 'Q4_K_M':
    case 'Q5_K_M':
      return getsMoreBits(at.index, at.count) ? { type: 'Q6_K', reason: moreBits('attention values') } : undefined
    default:
      return undefined
  }
}

const fusedAttention: Partial<Record<RecipeName, GgmlType>> = {
  Q3_K_M: 'Q4_K',
  Q3_K_L: 'Q4_K',
  Q4_K_M: 'Q5_K',
  Q5_K_M: 'Q6_K',
}

/** Of a q/k/v matrix, only where the mix does not count it as an attention value. */
export function fusedAttentionType(recipe: RecipeName): RuledType | undefined {
  const type = fusedAttention[recipe]
  return type && { type, reason: 'fused attention' }
}

const attentionOutput: Partial<Record<RecipeName, GgmlType>> = { Q2_K: 'Q3_K', Q3_K_M: 'Q4_K', Q3_K_L: 'Q5_K' }

export function attentionOutputType(recipe: RecipeName): RuledType | undefined {
  const type = attentionOutput[recipe]
  return type && { type, reason: 'attention output' }
}

export function feedForwardDownType(recipe: RecipeName, at: Position): RuledType | undefined {
  switch (recipe) {
    case 'Q2_K':
      return { type: 'Q3_K', reason: 'feed-forward down' }
    case 'Q3_K_M':
      return at.index < Math.floor(at.count / 16)
        ? { type: 'Q5_K', reason: 'feed-forward down in the first 1/16 of the layers' }
        : { type: 'Q4_K', reason: 'feed-forward down' }
    case 'Q3_K_L':
      return { type: 'Q5_K', reason: 'feed-forward down' }
    case 'Q4_K_S':
      return at.index < Math.floor(at.count / 8)
        ? { type: 'Q5_K', reason: 'feed-forward down in the first 1/8 of the layers' }
        : undefined
    case 'Q4_K_M':
    case 'Q5_K_M':
      return getsMoreBits(at.index, at.count) ? { type: 'Q6_K', reason: moreBits('feed-forward down') } : undefined
    default:
      return undefined
  }
}

const moreBits = (what: string): string => `${what} in the first and last 1/8 of the layers and every third between`
