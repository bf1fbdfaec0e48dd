/**
 * An importance matrix: how much each column of a model's matrices counts, as `llama-imatrix` measures it. The values
 * are those that llama-quantize passes on to the quantizer, bit for bit.
 */
export interface Imatrix {
  /** SHA-256 (hex) of the file. */
  readonly sha256: string
  /** By GGUF tensor name. */
  readonly entries: ReadonlyMap<string, Importance>
  /** What it was measured on: paths of text files, as a rule. */
  readonly datasets: readonly string[]
  /** Pieces of text that it was measured on; 0: not known. */
  readonly chunks: number
}

/**
 * Mean squares of what the columns of a matrix are multiplied with: one finite f32 ≥ 0 per column, or per expert and
 * column, expert after expert. In shared memory, so that all threads look at the same.
 */
export type Importance = Float32Array<SharedArrayBuffer>
