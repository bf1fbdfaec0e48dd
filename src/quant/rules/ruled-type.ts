import type { GgmlType } from '../../formats/ggml/block-types.ts'
import type { RecipeName } from '../recipes.ts'

/*
 * The files of this folder are llama.cpp's rules (`llama_tensor_get_type`), one table per kind of tensor. What a table
 * does not name has the recipe's base type. Divisions of layer counts round down as there: a model of 15 layers has no
 * "first 1/16".
 */

/** A type other than the recipe's base type, and why, in a line for a person. */
export interface RuledType {
  readonly type: GgmlType
  readonly reason: string
}

/** What the rules ask of the whole model. */
export interface RuledModel {
  /** Query heads that share one value head, rounded down; 0 where there are none. */
  readonly queriesPerValue: number
  /** Experts of each layer; 0 for a dense model. */
  readonly experts: number
  /** The architecture "falcon", whose feed-forward and attention output llama.cpp measured apart. */
  readonly falcon: boolean
  readonly is70B: boolean
  /** Whether there is an importance matrix, for whichever tensors. */
  readonly guided: boolean
}

/** The i-th of n tensors of one kind. */
export interface Position {
  readonly index: number
  readonly count: number
  readonly model: RuledModel
}

/** A type for every tensor of a kind, or one by position. */
export type Rule = GgmlType | ((at: Position) => RuledType | undefined)

export type RuleTable = Readonly<Partial<Record<RecipeName, Rule>>>

/** What `table` says of the tensor at `at`; `undefined` leaves the base type. */
export function ruledType(table: RuleTable, recipe: RecipeName, at: Position, kind: string): RuledType | undefined {
  const rule = table[recipe]
  return typeof rule === 'string' ? { type: rule, reason: kind } : rule?.(at)
}
