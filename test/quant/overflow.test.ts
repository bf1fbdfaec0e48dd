import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { blockTypes, type GgmlType, ggmlTypeNames } from '#dist/formats/ggml/block-types.js'
import { canQuantize } from '#dist/quant/kernels.js'
import { findOverflow } from '#dist/quant/overflow.js'
import { loadKoffi, oracleLibraries } from '../helpers/llama-cpp.ts'
import { seededRandom } from '../helpers/random.ts'

const libraries = oracleLibraries()
/** Few: llama.cpp tells of each on the screen. */
const blocks = 400

/** Values that llama.cpp's quantizers do not write are let through: see src/quant/overflow.ts. */
const unchecked: readonly GgmlType[] = ['F32', 'MXFP4', 'NVFP4']
const types = ggmlTypeNames.filter((type) => canQuantize(type) && !unchecked.includes(type))

describe.skipIf('missing' in libraries)('blocks that are refused, against ggml_validate_row_data', () => {
  test.each(types)('%s: the first of any bytes is found', (type) => {
    const { blockBytes, blockWeights } = blockTypes[type]
    const random = seededRandom(3)
    let refused = 0
    for (let block = 0; block < blocks; block++) {
      const bytes = Uint8Array.from({ length: blockBytes }, () => random.integer(256))
      // Twice: the first is harmless.
      const pair = new Uint8Array(2 * blockBytes)
      pair.set(bytes, blockBytes)
      const valid = validate(type, pair)
      expect(findOverflow(type, pair), `block ${block}`).toBe(valid ? undefined : blockWeights)
      if (!valid) refused++
    }
    expect(refused).toBeGreaterThan(0)
    expect(refused).toBeLessThan(blocks / 3)
  })
})

function validate(type: GgmlType, bytes: Uint8Array): boolean {
  validateRowData ??= loadValidateRowData()
  return validateRowData(blockTypes[type].id, bytes, bytes.length)
}

let validateRowData: ((type: number, bytes: Uint8Array, count: number) => boolean) | undefined

function loadValidateRowData(): (type: number, bytes: Uint8Array, count: number) => boolean {
  if ('missing' in libraries) throw new Error(libraries.missing)
  return loadKoffi()
    .load(join(libraries.folder, 'libggml-base.so'))
    .func('bool ggml_validate_row_data(int type, void *data, size_t bytes)')
}
