import { blockTypes, type GgmlType } from '#dist/formats/ggml/block-types.js'
import { findOverflow } from '#dist/quant/overflow.js'

/** Types whose levels are rows of a grid. */
export const gridTypes: readonly GgmlType[] = ['IQ3_XXS', 'IQ3_S', 'IQ2_S', 'IQ2_XS', 'IQ2_XXS', 'IQ1_S', 'IQ1_M']

/**
 * Weights without the blocks (`blocks`, made of them) that have an infinite scale, zeros in their place, and how many
 * those were. Before weights so large or so far apart that all distances to the grid are infinite, llama.cpp ends the
 * program; our kernels mark the block as one to refuse.
 */
export function withoutRefused(type: GgmlType, weights: Float32Array, blocks: Uint8Array) {
  const { blockBytes, blockWeights } = blockTypes[type]
  const kept = weights.slice()
  let refused = 0
  for (let block = 0; block * blockBytes < blocks.length; block++) {
    if (findOverflow(type, blocks.subarray(block * blockBytes, (block + 1) * blockBytes)) === undefined) continue
    kept.fill(0, block * blockWeights, (block + 1) * blockWeights)
    refused++
  }
  return { kept, refused }
}
