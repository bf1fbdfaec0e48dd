import { alignUp } from '../base/checked.ts'

/** What decides how much memory llama.cpp takes to run a GGUF. Sizes count elements, `tensorBytes` bytes. */
export interface RunShape {
  /** All tensors as stored in the file. */
  readonly tensorBytes: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly hidden: number
  readonly feedForward: number
  readonly vocabulary: number
  /** Tokens of context; 4096 where not given. */
  readonly context?: number
}

/** Bytes, on the processor alone. The program itself and its vocabulary (some tens of MB) come on top. */
export interface RunMemory {
  readonly weights: number
  readonly kvCache: number
  readonly compute: number
  readonly total: number
}

const defaultContext = 4096
/** llama.cpp rounds the context up to a multiple of this. */
const contextStep = 256
/** Tokens that llama.cpp computes at once, where the context holds as many. Source: `n_ubatch`, llama.h. */
const batch = 512
const f16Bytes = 2
const f32Bytes = 4

/** An estimate of the memory needed to run a model with llama.cpp's defaults: an F16 cache, batches of 512 tokens. */
export function runMemoryBytes(shape: RunShape): RunMemory {
  const context = alignUp(shape.context ?? defaultContext, contextStep)
  const weights = shape.tensorBytes
  const kvCache = shape.layers * 2 * shape.kvHeads * shape.headSize * context * f16Bytes
  const compute = computeBytes(shape, context)
  return { weights, kvCache, compute, total: weights + kvCache + compute }
}

/**
 * The buffer for intermediate results, which llama.cpp lays out for its largest step over one batch: about four
 * vectors of the hidden width per token, and the greatest of the scores of every token of the vocabulary, three
 * feed-forward vectors, or the attention scores (per head and token of context, a mask, and k and v).
 *
 * Fitted to what llama.cpp reports for three shapes and three contexts (test/golden/run-memory.json): at most 1 %
 * below and 6 % above the greater of releases b3613 and v0.5.0. The latter uses flash attention by default, which
 * does without the attention scores: there the estimate is too high for long contexts.
 */
function computeBytes(shape: RunShape, context: number): number {
  const attention = (shape.heads + 1) * context + 2 * shape.kvHeads * shape.headSize
  const largest = Math.max(shape.vocabulary, 3 * shape.feedForward, attention)
  return Math.min(batch, context) * f32Bytes * (4 * shape.hidden + largest)
}
