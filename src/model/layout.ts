/** A size that several tensors share. What each means is said by the family that uses it. */
export type Width =
  | 'hidden'
  | 'vocabulary'
  | 'feedForward'
  /** Rows of q: heads × head size. */
  | 'query'
  /** Rows of k, and of v: key-value heads × head size. */
  | 'keyValue'
  /** Rows of q, k and v in one tensor. */
  | 'fusedQkv'
  /** Rows of gate and up in one tensor. */
  | 'fusedGateUp'

/** A tensor of the source, the sizes it must have, and what it is called in the output. */
export interface ExpectedTensor {
  /** Whole name, or for a layer's tensor the part after "model.layers.N.". */
  readonly source: string
  /** GGUF name, or for a layer's tensor the part after "blk.N.". */
  readonly gguf: string
  /** [rows, columns] or [columns]. */
  readonly shape: readonly Width[]
}

/** All tensors of a family's models, in the order of llama.cpp's converter. */
export interface Layout {
  readonly embedding: ExpectedTensor
  readonly layer: readonly ExpectedTensor[]
  readonly outputNorm: ExpectedTensor
  /** The output projection. It is missing where the embedding serves as one. */
  readonly output: ExpectedTensor
}

/** What surrounds the layers, in every family so far. */
export const outerTensors = {
  embedding: { source: 'model.embed_tokens.weight', gguf: 'token_embd.weight', shape: ['vocabulary', 'hidden'] },
  outputNorm: { source: 'model.norm.weight', gguf: 'output_norm.weight', shape: ['hidden'] },
  output: { source: 'lm_head.weight', gguf: 'output.weight', shape: ['vocabulary', 'hidden'] },
} as const satisfies Omit<Layout, 'layer'>

export function layerTensorName(layer: number, source: string): string {
  return `model.layers.${layer}.${source}`
}

/** A shape for a message: "[5120, 17920]". */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}
