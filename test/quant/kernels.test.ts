import { describe, expect, test } from 'vitest'
import { type GgmlType, ggmlTypeNames, rowBytes } from '#dist/formats/ggml/block-types.js'
import { typeKernels } from '#dist/quant/kernel-table.js'
import { canQuantize, compileKernels, Kernels, needsImportance, usesImportance } from '#dist/quant/kernels.js'
import { seededRandom } from '../helpers/random.ts'

const module = compileKernels()
const writable = ggmlTypeNames.filter(canQuantize)

/** Kernels and the address of `values` in them. */
function kernelsWith(values: readonly number[] | Float32Array): { kernels: Kernels; address: number } {
  const kernels = new Kernels(module)
  const address = kernels.reserve(values.length * 4)
  new Float32Array(kernels.memory.buffer, address, values.length).set(values)
  return { kernels, address }
}

/** The address of `weights` importances, all 1, for a type that needs them; else 0. */
function importanceFor(type: GgmlType, kernels: Kernels, weights: number): number {
  if (!needsImportance(type)) return 0
  const address = kernels.reserve(weights * 4)
  new Float32Array(kernels.memory.buffer, address, weights).fill(1)
  return address
}

function gaussians(count: number): Float32Array {
  const random = seededRandom(1)
  return Float32Array.from({ length: count }, () => random.gaussian() * 0.02)
}

describe('the table', () => {
  test('names only what the compiled kernels export', () => {
    const exports = Object.keys(new WebAssembly.Instance(module).exports)
    const named = Object.values(typeKernels).flatMap(({ quantize, dequantize }) => [quantize, dequantize])
    expect(named.filter((name) => !exports.includes(name))).toEqual([])
  })

  test('has every type that the recipes use', () => {
    expect(writable).toEqual(
      expect.arrayContaining(['F32', 'F16', 'BF16', 'Q8_0', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K']),
    )
  })
})

describe('reserve', () => {
  test('gives addresses at multiples of 16 that do not overlap', () => {
    const kernels = new Kernels(module)
    const first = kernels.reserve(5)
    const second = kernels.reserve(1)
    expect([first % 16, second % 16]).toEqual([0, 0])
    expect(second).toBeGreaterThanOrEqual(first + 5)
  })

  test('grows the memory to what was asked for and keeps its contents', () => {
    const { kernels, address } = kernelsWith([1, 2, 3])
    const large = kernels.reserve(10_000_000)
    expect(kernels.memory.buffer.byteLength).toBeGreaterThanOrEqual(large + 10_000_000)
    expect([...new Float32Array(kernels.memory.buffer, address, 3)]).toEqual([1, 2, 3])
  })

  test('beyond 4 GiB fails with a RangeError and leaves the kernels usable', () => {
    const { kernels, address } = kernelsWith([1, 2, 3, Number.NaN])
    expect(() => kernels.reserve(2 ** 32)).toThrow(RangeError)
    expect(kernels.countNonFinite(address, 4)).toBe(1)
    expect(kernels.reserve(16)).toBe(address + 16)
  })
})

describe('countNonFinite', () => {
  test.each([0, 1, 63, 64, 65, 1000, 4096])('of %i weights counts none where all are finite', (count) => {
    const { kernels, address } = kernelsWith(new Float32Array(count).fill(-3.4028234663852886e38))
    expect(kernels.countNonFinite(address, count)).toBe(0)
  })

  test('counts NaN and both infinities, wherever they stand', () => {
    const values = gaussians(1003)
    for (const at of [0, 1, 62, 63, 64, 500, 1000, 1001, 1002]) {
      values[at] = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][at % 3] ?? 0
    }
    const { kernels, address } = kernelsWith(values)
    expect(kernels.countNonFinite(address, 1003)).toBe(9)
    expect(kernels.countNonFinite(address, 1002)).toBe(8)
    expect(kernels.countNonFinite(address + 4, 1001)).toBe(7)
  })
})

describe('squaredError', () => {
  test.each([0, 1, 3, 4, 257])('over %i weights is the sum in f64', (count) => {
    const original = gaussians(count)
    const restored = original.map((value, index) => Math.fround(value + index / 65_536))
    const { kernels, address } = kernelsWith(original)
    const other = kernels.reserve(count * 4)
    new Float32Array(kernels.memory.buffer, other, count).set(restored)
    const { error, energy } = kernels.squaredError(address, other, count)
    const sum = (of: (value: number, index: number) => number) => original.reduce((all, v, i) => all + of(v, i) ** 2, 0)
    expect(error).toBeCloseTo(
      sum((value, index) => Math.fround(value - (restored[index] ?? 0))),
      12,
    )
    expect(energy).toBeCloseTo(
      sum((value) => value),
      12,
    )
  })

  test('does not overflow where squares leave the range of f32', () => {
    const { kernels, address } = kernelsWith([1e30, -1e30, 0, 0])
    const zeros = kernels.reserve(16)
    expect(kernels.squaredError(address, zeros, 4).energy / 2e60).toBeCloseTo(1, 6)
  })
})

describe('quantize', () => {
  test.each(writable)('%s survives NaN and infinity anywhere, and its neighbours stay as they are', (type) => {
    const weights = 1024
    const values = gaussians(weights)
    const { kernels, address } = kernelsWith(values)
    const blocks = kernels.reserve(rowBytes(type, weights))
    const bytes = () => new Uint8Array(kernels.memory.buffer, blocks, rowBytes(type, weights)).slice()
    const importance = importanceFor(type, kernels, weights)
    kernels.quantize(type, address, blocks, weights, importance)
    const healthy = bytes()
    const view = new Float32Array(kernels.memory.buffer, address, weights)
    view.fill(Number.NaN, 256, 300)
    view.fill(Number.POSITIVE_INFINITY, 330, 400)
    view.fill(Number.NEGATIVE_INFINITY, 390, 512)
    kernels.quantize(type, address, blocks, weights, importance)
    const first = rowBytes(type, 256)
    expect(bytes().subarray(0, first)).toEqual(healthy.subarray(0, first))
    expect(bytes().subarray(2 * first)).toEqual(healthy.subarray(2 * first))
  })

  test.each(writable)('%s ends whatever the bits of the weights, and does what it did before', (type) => {
    const random = seededRandom(7)
    const weights = 2048
    const healthy = gaussians(weights)
    const { kernels, address } = kernelsWith(healthy)
    const blocks = kernels.reserve(rowBytes(type, weights))
    const ones = kernels.reserve(weights * 4)
    const view = new Float32Array(kernels.memory.buffer, address, weights)
    new Float32Array(kernels.memory.buffer, ones, weights).fill(1)
    const made = (importance: number) => {
      kernels.quantize(type, address, blocks, weights, importance)
      return new Uint8Array(kernels.memory.buffer, blocks, rowBytes(type, weights)).slice()
    }
    const before = needsImportance(type) ? made(ones) : made(0)
    for (const share of [0.002, 0.3, 1]) {
      const bits = new Uint32Array(kernels.memory.buffer, address, weights)
      for (let at = 0; at < weights; at++) if (random.uniform() < share) bits[at] = random.uniform() * 2 ** 32
      if (!needsImportance(type)) made(0)
      if (usesImportance(type)) made(ones)
      view.set(healthy)
    }
    expect(needsImportance(type) ? made(ones) : made(0)).toEqual(before)
  })

  test.each(writable)('%s gives the same bytes for one block at a time as for many', (type) => {
    const weights = 256 * 19
    const { kernels, address } = kernelsWith(gaussians(weights))
    const all = kernels.reserve(rowBytes(type, weights))
    const single = kernels.reserve(rowBytes(type, 256))
    const importance = importanceFor(type, kernels, weights)
    kernels.quantize(type, address, all, weights, importance)
    for (let block = 0; block < 19; block++) {
      kernels.quantize(type, address + block * 1024, single, 256, importance)
      const bytes = rowBytes(type, 256)
      expect(new Uint8Array(kernels.memory.buffer, single, bytes)).toEqual(
        new Uint8Array(kernels.memory.buffer, all + block * bytes, bytes),
      )
    }
  })

  test('refuses weights that are not whole blocks', () => {
    const { kernels, address } = kernelsWith(gaussians(256))
    expect(() => kernels.quantize('Q3_K', address, address, 255)).toThrow(RangeError)
    expect(() => kernels.dequantize('Q8_0', address, address, 33)).toThrow(RangeError)
  })

  test('of a type without a kernel fails with the code INTERNAL', () => {
    const { kernels, address } = kernelsWith(gaussians(256))
    const without = ggmlTypeNames.find((type) => !canQuantize(type))
    if (without === undefined) return
    expect(() => kernels.quantize(without, address, address, 256)).toThrow(
      expect.objectContaining({ code: 'INTERNAL', subject: without }),
    )
  })
})
