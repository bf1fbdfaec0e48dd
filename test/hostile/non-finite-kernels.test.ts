import { describe, expect, test } from 'vitest'
import { rowBytes } from '#dist/formats/ggml/block-types.js'
import { compileKernels, Kernels, needsImportance } from '#dist/quant/kernels.js'
import { blockKernelTypes } from '../helpers/kernel-types.ts'
import { seededRandom } from '../helpers/random.ts'

const weights = 64 * 256
const culprits = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]

/** The caller refuses such weights; but it learns of them from the same pass, so this must end. */
describe('weights that are NaN or infinite', () => {
  test.each(blockKernelTypes)('%s comes back, and writes no byte beyond its blocks', (type) => {
    const kernels = new Kernels(compileKernels())
    const src = kernels.reserve(weights * 4)
    const bytes = rowBytes(type, weights)
    const dst = kernels.reserve(bytes + 64)
    const importance = needsImportance(type) ? kernels.reserve(weights * 4) : 0
    if (importance > 0) new Float32Array(kernels.memory.buffer, importance, weights).fill(1)
    const random = seededRandom(11)
    for (const oneIn of [1, 2, 16, 500]) {
      const values = new Float32Array(kernels.memory.buffer, src, weights)
      for (let i = 0; i < weights; i++) {
        values[i] = random.integer(oneIn) === 0 ? (culprits[random.integer(3)] ?? 0) : random.gaussian()
      }
      const beyond = new Uint8Array(kernels.memory.buffer, dst + bytes, 64).fill(0xa5)
      kernels.quantize(type, src, dst, weights, importance)
      expect([...beyond]).toEqual(Array.from({ length: 64 }, () => 0xa5))
    }
  })
})
