// This folder is a package of its own (the libraries), where the project's "#dist/…" does not reach.
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compileKernels, Kernels } from '../../dist/quant/kernels.js'
import { loadKoffi, oracleLibraries } from '../helpers/llama-cpp.ts'

const libraries = oracleLibraries()
const title =
  'missing' in libraries ? `float types against ggml (skipped: ${libraries.missing})` : 'float types against ggml'

/** Not a multiple of the lanes of any vector: the last elements take the scalar path. */
const count = 65_536 - 1

/** A conversion of `count` elements by ggml, from and to views of the elements' bits. */
type RowFunction = (from: ArrayBufferView, to: ArrayBufferView, count: number) => void

let library: ReturnType<ReturnType<typeof loadKoffi>['load']> | undefined

function rowFunction(name: string): RowFunction {
  if ('missing' in libraries) throw new Error(libraries.missing)
  library ??= loadKoffi().load(join(libraries.folder, 'libggml-base.so'))
  return library.func(`void ${name}(void *from, void *to, int64_t count)`)
}

describe.skipIf('missing' in libraries)(title, () => {
  const kernels = new Kernels(compileKernels())
  const narrow = kernels.reserve(2 * (count + 1))
  const wide = kernels.reserve(4 * (count + 1))

  test.each([
    ['F16', 'ggml_fp16_to_fp32_row'],
    ['BF16', 'ggml_bf16_to_fp32_row'],
  ] as const)('%s: every one of the 2^16 numbers widens to the same f32', (dtype, name) => {
    const every = Uint16Array.from({ length: count + 1 }, (_, bits) => bits)
    const theirs = new Uint32Array(count + 1)
    rowFunction(name)(every, theirs, count + 1)
    // Once from the first number on and once from the second, so that the last one is met too.
    for (const first of [0, 1]) {
      new Uint16Array(kernels.memory.buffer, narrow, count).set(every.subarray(first, first + count))
      kernels.dequantize(dtype, narrow, wide, count)
      expect(differences(new Uint32Array(kernels.memory.buffer, wide, count), theirs.subarray(first))).toEqual([])
    }
  })

  test.each([
    ['F16', 'ggml_fp32_to_fp16_row'],
    ['BF16', 'ggml_fp32_to_bf16_row'],
  ] as const)('%s: f32 of every exponent, ties and NaN included, narrow to the same number', (type, name) => {
    const ggml = rowFunction(name)
    for (const low of [0, 1, 0x0fff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001, 0xffff]) {
      const bits = Uint32Array.from({ length: count }, (_, high) => ((high << 16) | low) >>> 0)
      const theirs = new Uint16Array(count)
      ggml(bits, theirs, count)
      new Uint32Array(kernels.memory.buffer, wide, count).set(bits)
      kernels.quantize(type, wide, narrow, count)
      expect(differences(new Uint16Array(kernels.memory.buffer, narrow, count), theirs)).toEqual([])
    }
  })
})

/** The first few places where `ours` is not `theirs`. */
function differences(ours: Uint16Array | Uint32Array, theirs: Uint16Array | Uint32Array): string[] {
  const found: string[] = []
  for (let index = 0; index < ours.length && found.length < 4; index++) {
    if (ours[index] !== theirs[index]) found.push(`[${index}] ours ${ours[index]}, ggml's ${theirs[index]}`)
  }
  return found
}
