import { describe, expect, test } from 'vitest'
import { type GgmlType, rowBytes } from '#dist/formats/ggml/block-types.js'
import { compileKernels, Kernels, needsImportance } from '#dist/quant/kernels.js'
import { gridTypes } from '../helpers/grid-types.ts'
import { seededRandom } from '../helpers/random.ts'

/** The caller refuses such weights; but it learns of them from the same pass, so this must end. */
const types: readonly GgmlType[] = [
  'Q2_K',
  'Q3_K',
  'Q4_K',
  'Q5_K',
  'Q6_K',
  'Q8_0',
  'Q4_0',
  'Q5_0',
  'Q5_1',
  'Q4_1',
  'IQ4_NL',
  'IQ4_XS',
  'TQ1_0',
  'TQ2_0',
  'MXFP4',
  'NVFP4',
  'Q1_0',
  'Q2_0',
  ...gridTypes,
]
const weights = 64 * 256
const culprits = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]

describe('weights that are NaN or infinite', () => {
  test.each(types)('%s comes back, and writes no byte beyond its blocks', (type) => {
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
