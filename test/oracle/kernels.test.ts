import { describe, expect, test } from 'vitest'
import { blockTypes, type GgmlType, rowBytes } from '#dist/formats/ggml/block-types.js'
import { compileKernels, Kernels } from '#dist/quant/kernels.js'
import { blockDifference } from '../helpers/block-difference.ts'
import { plainKernelTypes } from '../helpers/kernel-types.ts'
import { type GgmlOracle, openGgml, oracleLibraries } from '../helpers/llama-cpp.ts'
import { seededRandom } from '../helpers/random.ts'
import { weightSets } from '../helpers/weight-sets.ts'

/** Weights of one comparison: 128 superblocks, so that V8 has optimised the kernel before the last sets. */
const weights = 128 * 256
/** Comparisons per set and type; the long run compares 215 040 superblocks per type. */
const rounds = process.env.MIBERA_LONG === '1' ? 48 : 1

const libraries = oracleLibraries()
const title =
  'missing' in libraries ? `kernels against llama.cpp (skipped: ${libraries.missing})` : 'kernels against llama.cpp'

/** Our kernel over arrays, for tests: what goes in and comes out are copies. */
function openKernels() {
  const kernels = new Kernels(compileKernels())
  const floats = kernels.reserve(weights * Float32Array.BYTES_PER_ELEMENT)
  const blocks = kernels.reserve(weights * Float32Array.BYTES_PER_ELEMENT)
  return {
    quantize(type: GgmlType, values: Float32Array): Uint8Array {
      new Float32Array(kernels.memory.buffer, floats, weights).set(values)
      kernels.quantize(type, floats, blocks, values.length)
      return new Uint8Array(kernels.memory.buffer, blocks, rowBytes(type, values.length)).slice()
    },
    dequantize(type: GgmlType, bytes: Uint8Array): Float32Array {
      new Uint8Array(kernels.memory.buffer, blocks, bytes.length).set(bytes)
      kernels.dequantize(type, blocks, floats, weights)
      return new Float32Array(kernels.memory.buffer, floats, weights).slice()
    },
  }
}

describe.skipIf('missing' in libraries)(title, () => {
  const kernels = openKernels()
  let opened: GgmlOracle | undefined
  const oracle = (): GgmlOracle => {
    opened ??= openGgml()
    return opened
  }

  describe.each(plainKernelTypes)('%s', (type) => {
    const { blockBytes, blockWeights } = blockTypes[type]

    test.each(weightSets)('quantizes to the same bytes, and back to the same floats: $name', ({ generate }) => {
      for (let round = 0; round < rounds; round++) {
        const values = generate(weights, round + 1)
        const theirs = oracle().quantize(type, values, weights)
        expect(blockDifference(kernels.quantize(type, values), theirs, blockBytes), `round ${round}`).toBeUndefined()
        const floats = oracle().dequantize(type, theirs, weights)
        expect(
          blockDifference(kernels.dequantize(type, theirs), floats, blockWeights * 4),
          `round ${round}`,
        ).toBeUndefined()
      }
    })

    test.each([1, 2, 3, 5, 9])('quantizes %i blocks alone as it does among many', (count) => {
      const values = everyKind(count * blockWeights)
      const theirs = oracle().quantize(type, values, values.length)
      expect(blockDifference(kernels.quantize(type, values), theirs, blockBytes)).toBeUndefined()
    })

    test('dequantizes blocks of any bytes to the same floats', () => {
      const bytes = anyBlocks(type)
      const floats = oracle().dequantize(type, bytes, weights)
      expect(
        blockDifference(withoutNaN(kernels.dequantize(type, bytes)), withoutNaN(floats), blockWeights * 4),
      ).toBeUndefined()
    })
  })
})

/** Weights of all sets in turn, 32 of each. */
function everyKind(count: number): Float32Array {
  const values = new Float32Array(count)
  for (let at = 0; at < count; at += 32) {
    values.set(weightSets[(at / 32) % weightSets.length]?.generate(32, at + 1) ?? [], at)
  }
  return values
}

/** Blocks in which every bit is drawn. */
function anyBlocks(type: GgmlType): Uint8Array {
  const random = seededRandom(7)
  return Uint8Array.from({ length: rowBytes(type, weights) }, () => random.integer(256))
}

/** One NaN for all: which payload comes of an operation on two of them is left open by the standards. */
function withoutNaN(values: Float32Array): Float32Array {
  return values.map((value) => (Number.isNaN(value) ? Number.NaN : value))
}
