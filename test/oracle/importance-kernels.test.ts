import { describe, expect, test } from 'vitest'
import { blockTypes, ggmlTypeNames, rowBytes } from '#dist/formats/ggml/block-types.js'
import { compileKernels, Kernels, usesImportance } from '#dist/quant/kernels.js'
import { blockDifference } from '../helpers/block-difference.ts'
import { gridTypes } from '../helpers/grid-types.ts'
import { importanceSets } from '../helpers/importance-sets.ts'
import { type GgmlOracle, openGgml, oracleLibraries } from '../helpers/llama-cpp.ts'
import { type Random, seededRandom } from '../helpers/random.ts'
import { weightSets } from '../helpers/weight-sets.ts'

/** Types with a grid: ./grid-kernels.test.ts. */
const types = ggmlTypeNames.filter((type) => usesImportance(type) && !gridTypes.includes(type))
/** No multiple of four blocks of 32, which some kernels take at once. */
const columnsOf = (blockWeights: number): number => (blockWeights === 256 ? 3 * 256 : 13 * 32)
const mostColumns = 3 * 256
const rows = 12
const libraries = oracleLibraries()

describe.skipIf('missing' in libraries)('kernels with an importance matrix against llama.cpp', () => {
  const kernels = new Kernels(compileKernels())
  const floats = kernels.reserve(mostColumns * 4)
  const importances = kernels.reserve(mostColumns * 4)
  const blocks = kernels.reserve(mostColumns * 4)
  let opened: GgmlOracle | undefined
  const oracle = (): GgmlOracle => {
    opened ??= openGgml()
    return opened
  }

  describe.each(types)('%s', (type) => {
    const columns = columnsOf(blockTypes[type].blockWeights)
    const bytes = rowBytes(type, columns)

    /** Row after row, as the kernels take it. */
    function quantizeRows(values: Float32Array, importance: Float32Array): Uint8Array {
      const written = new Uint8Array(rows * bytes)
      new Float32Array(kernels.memory.buffer, importances, columns).set(importance)
      for (let row = 0; row < rows; row++) {
        new Float32Array(kernels.memory.buffer, floats, columns).set(
          values.subarray(row * columns, (row + 1) * columns),
        )
        kernels.quantize(type, floats, blocks, columns, importances)
        written.set(new Uint8Array(kernels.memory.buffer, blocks, bytes), row * bytes)
      }
      return written
    }

    test.each(weightSets)('quantizes to the same bytes under any importances: $name', ({ generate }) => {
      importanceSets.forEach((set, index) => {
        const values = generate(rows * columns, index + 1)
        const importance = set.generate(columns, index + 1)
        const theirs = oracle().quantize(type, values, columns, importance)
        const difference = blockDifference(quantizeRows(values, importance), theirs, blockTypes[type].blockBytes)
        expect(difference, set.name).toBeUndefined()
      })
    })

    test('quantizes to the same bytes where every 16 weights are of another kind and importance', () => {
      const random = seededRandom(5)
      for (let round = 0; round < 60; round++) {
        const values = new Float32Array(rows * columns)
        const importance = new Float32Array(columns)
        for (let at = 0; at < values.length; at += 16) values.set(drawn(weightSets, random, 16), at)
        for (let at = 0; at < columns; at += 16) importance.set(drawn(importanceSets, random, 16), at)
        const theirs = oracle().quantize(type, values, columns, importance)
        const difference = blockDifference(quantizeRows(values, importance), theirs, blockTypes[type].blockBytes)
        expect(difference, `round ${round}`).toBeUndefined()
      }
    })

    test('gives other bytes than without', () => {
      const values = weightSets[0]?.generate(columns, 1) ?? new Float32Array()
      const importance = importanceSets[0]?.generate(columns, 1) ?? new Float32Array()
      const without = oracle().quantize(type, values, columns)
      expect(blockDifference(quantizeRows(values, importance).subarray(0, bytes), without, bytes)).toBeDefined()
    })
  })
})

interface Generator {
  generate(count: number, seed: number): Float32Array
}

/** `count` numbers of one of `sets`. */
function drawn(sets: readonly Generator[], random: Random, count: number): Float32Array {
  return sets[random.integer(sets.length)]?.generate(count, random.integer(2 ** 31)) ?? new Float32Array(count)
}
