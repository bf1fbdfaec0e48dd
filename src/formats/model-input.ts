import type { GgmlType } from './ggml/block-types.ts'
import type { Dtype } from './safetensors/dtype.ts'

/** The files that a model's weights are read from, whose headers have been read and found lawful: nothing more of them. */
export interface ModelInput {
  /** Absolute path of the folder of safetensors, or of the (first) GGUF. */
  readonly path: string
  readonly shards: readonly SourceFile[]
  /** By name. Every tensor of every file; names are unique across files. */
  readonly tensors: ReadonlyMap<string, SourceTensor>
}

/** One of the files. What identifies it for a resume: name, size, modification time and the header's digest. */
export interface SourceFile {
  /** Name inside its folder. */
  readonly name: string
  /** Absolute path of the file that holds the bytes, symbolic links resolved. */
  readonly path: string
  readonly size: number
  /** Whole milliseconds since the epoch. */
  readonly modifiedMs: number
  /** SHA-256 (hex) of all bytes before the weights. */
  readonly headerSha256: string
}

export interface SourceTensor {
  readonly name: string
  readonly dtype: Dtype | GgmlType
  /** Outermost dimension first, as in PyTorch: a weight matrix is [rows (out), columns (in)]. */
  readonly shape: readonly number[]
  /** Position of its file in `ModelInput.shards`. */
  readonly shard: number
  /** Byte position of the tensor's first byte, from the start of the file. */
  readonly offset: number
  readonly byteLength: number
}
