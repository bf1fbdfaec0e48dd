import { blockTypes } from '#dist/formats/ggml/block-types.js'
import { typeKernels } from '#dist/quant/kernel-table.js'

/**
 * Loaded into a worker and its threads before anything else: after as many calls as ROGUE_AFTER says (in each thread;
 * one for a slice, or several), the kernels make wrong blocks. All else is as ever, so the digest is that of the wrong
 * blocks. It is the compiled kernels that are changed: of what calls them, the program has a copy in a bundle.
 */
let honest = Number(process.env.ROGUE_AFTER ?? 0)

// F32 is copied both ways: what copies it is left alone.
const blockBytes = new Map(
  Object.entries(typeKernels)
    .filter(([type]) => type !== 'F32')
    .map(([type, { quantize }]) => [quantize, blockTypes[type].blockBytes]),
)

const { Instance } = WebAssembly
WebAssembly.Instance = class {
  constructor(module, imports) {
    const { exports } = new Instance(module, imports)
    const changed = Object.entries(exports).map(([name, value]) => {
      const bytes = blockBytes.get(name)
      return [name, bytes === undefined ? value : wrong(value, bytes, exports.memory)]
    })
    this.exports = Object.fromEntries(changed)
  }
}

function wrong(quantize, bytes, memory) {
  return (src, dst, blocks, ...others) => {
    quantize(src, dst, blocks, ...others)
    if (honest-- > 0) return
    const made = new Uint8Array(memory.buffer, dst, blocks * bytes)
    // The lowest bit of one byte of every block: no check of plausibility sees that.
    for (let at = bytes >> 1; at < made.length; at += bytes) made[at] ^= 1
  }
}
