import { blockTypes } from '#dist/formats/ggml/block-types.js'
import { Kernels } from '#dist/quant/kernels.js'

/**
 * Loaded into a worker and its threads before anything else: after as many calls as ROGUE_AFTER says (in each thread;
 * one for a slice, or several), the kernels make wrong blocks. All else is as ever, so the digest is that of the wrong blocks.
 */
let honest = Number(process.env.ROGUE_AFTER ?? 0)

const { quantize } = Kernels.prototype
Kernels.prototype.quantize = function (type, weights, blocks, count) {
  quantize.call(this, type, weights, blocks, count)
  if (honest-- > 0) return
  const { blockWeights, blockBytes } = blockTypes[type]
  const made = new Uint8Array(this.memory.buffer, blocks, (count / blockWeights) * blockBytes)
  // The lowest bit of one byte of every block: no check of plausibility sees that.
  for (let at = blockBytes >> 1; at < made.length; at += blockBytes) made[at] ^= 1
}
