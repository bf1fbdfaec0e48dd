import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { blockTypes, type GgmlType, rowBytes } from '#dist/formats/ggml/block-types.js'
import { compileKernels, Kernels, needsImportance } from '#dist/quant/kernels.js'
import { blockDifference } from '../helpers/block-difference.ts'
import { gridTypes, withoutRefused } from '../helpers/grid-types.ts'
import { importanceSets } from '../helpers/importance-sets.ts'
import { type GgmlOracle, openGgml, oracleLibraries } from '../helpers/llama-cpp.ts'
import { seededRandom } from '../helpers/random.ts'
import { typescriptChild } from '../helpers/typescript-child.ts'
import { weightSets } from '../helpers/weight-sets.ts'

const columns = 3 * 256
const rows = process.env.MIBERA_LONG === '1' ? 64 : 4
const count = rows * columns
/** Weights up to this size are never refused: their scales are well below the largest half. */
const modest = 1e6
const libraries = oracleLibraries()

describe.skipIf('missing' in libraries)('kernels with a grid against llama.cpp', () => {
  const kernels = new Kernels(compileKernels())
  const floats = kernels.reserve(count * 4)
  const importances = kernels.reserve(columns * 4)
  const blocks = kernels.reserve(count * 4)
  let opened: GgmlOracle | undefined
  const oracle = (): GgmlOracle => {
    opened ??= openGgml()
    return opened
  }

  /** Row after row, as importances are given. */
  function quantizeRows(type: GgmlType, values: Float32Array, importance?: Float32Array): Uint8Array {
    const bytes = rowBytes(type, columns)
    new Float32Array(kernels.memory.buffer, floats, values.length).set(values)
    if (importance !== undefined) new Float32Array(kernels.memory.buffer, importances, columns).set(importance)
    for (let row = 0; row < values.length / columns; row++) {
      const address = importance === undefined ? 0 : importances
      kernels.quantize(type, floats + row * columns * 4, blocks + row * bytes, columns, address)
    }
    return new Uint8Array(kernels.memory.buffer, blocks, rowBytes(type, values.length)).slice()
  }

  /** Compares with llama.cpp what it survives. */
  function compare(type: GgmlType, values: Float32Array, name: string, importance?: Float32Array): void {
    const { kept, refused } = withoutRefused(type, values, quantizeRows(type, values, importance))
    const theirs = oracle().quantize(type, kept, columns, importance)
    const { blockBytes } = blockTypes[type]
    expect(blockDifference(quantizeRows(type, kept, importance), theirs, blockBytes), name).toBeUndefined()
    if (values.every((value) => Math.abs(value) <= modest)) expect(refused, name).toBe(0)
  }

  describe.each(gridTypes)('%s', (type) => {
    test.each(weightSets)('quantizes to the same bytes with and without importances: $name', ({ generate }) => {
      importanceSets.forEach((set, index) => {
        compare(type, generate(count, index + 1), set.name, set.generate(columns, index + 1))
      })
      if (!needsImportance(type)) compare(type, generate(count, 7), 'none')
    })

    test('dequantizes blocks of any bytes to the same floats', () => {
      const random = seededRandom(7)
      const bytes = Uint8Array.from({ length: rowBytes(type, count) }, () => random.integer(256))
      new Uint8Array(kernels.memory.buffer, blocks, bytes.length).set(bytes)
      kernels.dequantize(type, blocks, floats, count)
      const ours = new Float32Array(kernels.memory.buffer, floats, count)
      const theirs = oracle().dequantize(type, bytes, count)
      expect(blockDifference(withoutNaN(ours), withoutNaN(theirs), blockTypes[type].blockWeights * 4)).toBeUndefined()
    })

    test.runIf(needsImportance(type))('refuses to do without importances', () => {
      expect(() => kernels.quantize(type, floats, blocks, columns)).toThrow(RangeError)
    })

    test('refuses weights before which llama.cpp ends the program', () => {
      const values = Float32Array.from({ length: columns }, (_, index) => (1 + (index % 7)) * 1e30)
      const ones = new Float32Array(columns).fill(1)
      expect(withoutRefused(type, values, quantizeRows(type, values, ones)).refused).toBe(3)
    })
  })

  test('llama.cpp does end the program there', () => {
    const { status, stderr } = quantizeElsewhere('IQ3_XXS', 1e30)
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/ggml-quants\.c.*GGML_ASSERT/)
  })
})

/** One NaN for all: which payload comes of an operation on two of them is left open by the standards. */
function withoutNaN(values: Float32Array): Float32Array {
  return values.map((value) => (Number.isNaN(value) ? Number.NaN : value))
}

/** llama.cpp over three superblocks of 1 … 7 times `unit`, in a process that may be lost. */
function quantizeElsewhere(type: GgmlType, unit: number) {
  const child = new URL('../helpers/quantize-child.ts', import.meta.url)
  return spawnSync(process.execPath, typescriptChild(child, type, String(unit)), { encoding: 'utf8' })
}
