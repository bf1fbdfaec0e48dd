import { describe, expect, it } from 'vitest'
import { blockTypes, type GgmlType, rowBytes } from '#dist/formats/ggml/block-types.js'
import { compileKernels, Kernels } from '#dist/quant/kernels.js'
import { openGgml, oracleLibraries } from '../helpers/llama-cpp.ts'
import { seededRandom } from '../helpers/random.ts'

const types: readonly GgmlType[] = ['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'IQ4_NL', 'MXFP4', 'NVFP4', 'Q1_0', 'Q2_0']
const libraries = oracleLibraries()

/** These types serve rows that are not whole superblocks, so a slice may hold any number of blocks. */
describe.skipIf('missing' in libraries)('any number of blocks gives llama.cpp’s bytes, and nothing beyond them', () => {
  it.each(types)('%s', (type) => {
    const kernels = new Kernels(compileKernels())
    const oracle = openGgml()
    const random = seededRandom(3)
    const { blockWeights, blockBytes } = blockTypes[type]
    const most = 19
    const source = kernels.reserve(most * blockWeights * 4)
    const target = kernels.reserve((most + 1) * blockBytes)
    for (let blocks = 1; blocks <= most; blocks++) {
      const weights = Float32Array.from({ length: blocks * blockWeights }, () => random.gaussian())
      new Float32Array(kernels.memory.buffer, source, weights.length).set(weights)
      const written = new Uint8Array(kernels.memory.buffer, target, (most + 1) * blockBytes).fill(0xa5)
      kernels.quantize(type, source, target, weights.length)
      const bytes = rowBytes(type, weights.length)
      expect(Buffer.from(written.subarray(0, bytes))).toEqual(
        Buffer.from(oracle.quantize(type, weights, weights.length)),
      )
      expect(written.subarray(bytes).every((byte) => byte === 0xa5)).toBe(true)
    }
  })
})
