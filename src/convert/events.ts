import type { PlannedTensor, PlanSource } from '../plan/plan.ts'
import type { Engine } from './engine.ts'

/** What an earlier run had done of a conversion; all 0 for a new one. */
export interface KeptWork {
  readonly doneSlices: number
  readonly doneBytes: number
  readonly doneWeights: number
  /** In the unit of `PlanCost`. */
  readonly doneCost: number
}

/** What a conversion tells while it runs, in order. Weights and bytes are counts of this run unless said otherwise. */
export type ConvertEvent =
  /** Before the first slice. What was kept from an earlier run has been checked. */
  | ({ readonly kind: 'begun'; readonly threads: number } & KeptWork)
  /** What an earlier run left could not be used, and why. */
  | { readonly kind: 'discarded'; readonly reason: string; readonly slices: number }
  /** Checking what an earlier run left. */
  | { readonly kind: 'checking'; readonly slices: number }
  | TensorBegun
  | { readonly kind: 'slice'; readonly tensor: PlannedTensor; readonly weights: number; readonly byteLength: number }
  /** A slice that was told of is not to be believed any more, and is made again. */
  | { readonly kind: 'retaken'; readonly tensor: PlannedTensor; readonly weights: number; readonly byteLength: number }
  /** The slices so far are durable and bookmarked. */
  | { readonly kind: 'bookmarked'; readonly slices: number }
  /** A shard was deleted, as asked: the output holds all of it, durable and read back. */
  | { readonly kind: 'reclaimed'; readonly shard: PlanSource }
  /** It could not be deleted; the conversion goes on. */
  | { readonly kind: 'reclaim-failed'; readonly shard: PlanSource; readonly reason: string }
  /** All slices are bookmarked; the file is being read back. */
  | { readonly kind: 'reading-back' }
  | { readonly kind: 'read-back'; readonly tensor: PlannedTensor }
  /** Every byte was read back as it was made; the file is about to get its name. */
  | { readonly kind: 'publishing' }

/** The first slice of a tensor in this run is about to be handed to an engine; told once for each engine. */
export interface TensorBegun {
  readonly kind: 'tensor-begun'
  readonly engine: Engine['name']
  readonly tensor: PlannedTensor
  /** Position in the plan. */
  readonly index: number
  /** How many slices of it are still to be made in this run, by all engines. */
  readonly slices: number
}

export type EventListener = (event: ConvertEvent) => void
