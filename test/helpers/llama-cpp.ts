import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { blockTypes, type GgmlType, rowBytes } from '#dist/formats/ggml/block-types.js'

/**
 * llama.cpp's own quantizer, as published in the npm package @node-llama-cpp/linux-x64: the oracle of these tests.
 * No byte of it was written here.
 */
export interface GgmlOracle {
  /** Quantizes rows of `columns` weights, as `llama-quantize` does; `importance` holds one number per column. */
  quantize(type: GgmlType, weights: Float32Array, columns: number, importance?: Float32Array): Uint8Array
  dequantize(type: GgmlType, blocks: Uint8Array, weights: number): Float32Array
}

export type Koffi = typeof import('koffi')

const require = createRequire(import.meta.url)

/** Folder of the libraries, or why there is none on this machine. */
export function oracleLibraries(): { folder: string } | { missing: string } {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { missing: `llama.cpp's libraries come for linux-x64, this is ${process.platform}-${process.arch}` }
  }
  try {
    const folder = join(dirname(require.resolve('@node-llama-cpp/linux-x64')), '../bins/linux-x64')
    return existsSync(folder) ? { folder } : { missing: `${folder} does not exist` }
  } catch {
    return { missing: 'the optional package @node-llama-cpp/linux-x64 is not installed' }
  }
}

export function loadKoffi(): Koffi {
  return require('koffi') as Koffi
}

/** @throws Error when {@link oracleLibraries} reports none. */
export function openGgml(): GgmlOracle {
  const libraries = oracleLibraries()
  if ('missing' in libraries) throw new Error(libraries.missing)
  const koffi = loadKoffi()
  const base = koffi.load(join(libraries.folder, 'libggml-base.so'))
  const quantizeChunk = base.func(
    'size_t ggml_quantize_chunk(int type, void *src, void *dst, int64_t start, int64_t nrows, int64_t columns, void *imatrix)',
  )
  return {
    quantize(type, weights, columns, importance) {
      const rows = weights.length / columns
      const blocks = new Uint8Array(rows * rowBytes(type, columns))
      const written = quantizeChunk(blockTypes[type].id, weights, blocks, 0, rows, columns, importance ?? null)
      if (Number(written) !== blocks.length) throw new Error(`ggml wrote ${written} bytes, expected ${blocks.length}`)
      return blocks
    },
    dequantize(type, blocks, weights) {
      const values = new Float32Array(weights)
      // dequantize_row_q4_K, but dequantize_row_iq4_nl
      const name = /^Q\d_K$/.test(type) ? type.replace(/^Q/, 'q') : type.toLowerCase()
      base.func(`void dequantize_row_${name}(void *blocks, _Out_ float *values, int64_t count)`)(
        blocks,
        values,
        weights,
      )
      return values
    },
  }
}
