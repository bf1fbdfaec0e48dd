import type { ModelShape, TensorToType } from '#dist/quant/model-to-type.js'

/** The dimensions from which a test lays out a model's tensors. */
export interface Dimensions extends ModelShape {
  readonly hidden: number
  readonly feedForward: number
  readonly vocabulary: number
  readonly headSize: number
  /** No output projection of its own. */
  readonly tied?: boolean
}

export const phi4: Dimensions = {
  architecture: 'phi3',
  layers: 40,
  heads: 40,
  kvHeads: 10,
  experts: 0,
  hidden: 5120,
  feedForward: 17920,
  vocabulary: 100352,
  headSize: 128,
}

/** Tensors of a `phi3` model in the order in which llama.cpp's converter writes them. */
export function fusedModel(model: Dimensions): TensorToType[] {
  const { hidden, feedForward, heads, kvHeads, headSize } = model
  return aroundLayers(model, (layer) => [
    { name: `blk.${layer}.attn_norm.weight`, shape: [hidden] },
    { name: `blk.${layer}.ffn_down.weight`, shape: [hidden, feedForward] },
    { name: `blk.${layer}.ffn_up.weight`, shape: [2 * feedForward, hidden] },
    { name: `blk.${layer}.ffn_norm.weight`, shape: [hidden] },
    { name: `blk.${layer}.attn_output.weight`, shape: [hidden, heads * headSize] },
    { name: `blk.${layer}.attn_qkv.weight`, shape: [(heads + 2 * kvHeads) * headSize, hidden] },
  ])
}

/** Tensors of a `llama` model in the order in which llama.cpp's converter writes them. */
export function splitModel(model: Dimensions): TensorToType[] {
  const { hidden, feedForward, heads, kvHeads, headSize } = model
  return aroundLayers(model, (layer) => [
    { name: `blk.${layer}.attn_norm.weight`, shape: [hidden] },
    { name: `blk.${layer}.ffn_down.weight`, shape: [hidden, feedForward] },
    { name: `blk.${layer}.ffn_gate.weight`, shape: [feedForward, hidden] },
    { name: `blk.${layer}.ffn_up.weight`, shape: [feedForward, hidden] },
    { name: `blk.${layer}.ffn_norm.weight`, shape: [hidden] },
    { name: `blk.${layer}.attn_k.weight`, shape: [kvHeads * headSize, hidden] },
    { name: `blk.${layer}.attn_output.weight`, shape: [hidden, heads * headSize] },
    { name: `blk.${layer}.attn_q.weight`, shape: [heads * headSize, hidden] },
    { name: `blk.${layer}.attn_v.weight`, shape: [kvHeads * headSize, hidden] },
  ])
}

function aroundLayers(model: Dimensions, tensorsOf: (layer: number) => TensorToType[]): TensorToType[] {
  return [
    { name: 'token_embd.weight', shape: [model.vocabulary, model.hidden] },
    ...Array.from({ length: model.layers }, (_, layer) => tensorsOf(layer)).flat(),
    { name: 'output_norm.weight', shape: [model.hidden] },
    ...(model.tied ? [] : [{ name: 'output.weight', shape: [model.vocabulary, model.hidden] }]),
  ]
}
