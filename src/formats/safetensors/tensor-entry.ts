import type { Dtype } from './dtype.ts'

/** One tensor as a shard's header declares it, after all laws of the format have been checked. */
export interface TensorEntry {
  readonly name: string
  readonly dtype: Dtype
  /** Outermost dimension first, as in PyTorch: a weight matrix is [rows (out), columns (in)]. */
  readonly shape: readonly number[]
  /** Position of the shard in `ModelFolder.shards`. */
  readonly shard: number
  /** Byte position of the tensor's first byte, from the start of the shard file. */
  readonly offset: number
  readonly byteLength: number
}
