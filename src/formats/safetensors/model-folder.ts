import type { TensorEntry } from './tensor-entry.ts'

/** One safetensors file. What identifies it for a resume: path, size, modification time and the header's digest. */
export interface Shard {
  /** Name inside the folder, as the index names it. */
  readonly name: string
  /** Absolute path of the file that holds the bytes, symbolic links resolved. */
  readonly path: string
  readonly size: number
  /** Whole milliseconds since the epoch. */
  readonly modifiedMs: number
  /** SHA-256 (hex) of the eight length bytes and the header. */
  readonly headerSha256: string
}

/** A folder of safetensors whose headers have all been read and found lawful, and nothing more than the headers. */
export interface ModelFolder {
  readonly path: string
  readonly shards: readonly Shard[]
  /** By tensor name. Every tensor of every shard, names unique across shards. */
  readonly tensors: ReadonlyMap<string, TensorEntry>
}
