import { type GgmlType, rowBytes } from '../formats/ggml/block-types.ts'
import type { Kernels } from '../quant/kernels.ts'
import type { MeasuredError } from './protocol.ts'

/**
 * Of how many rows one is compared with what its blocks restore to. Comparing all of them would restore every block once
 * more, for a figure that the many weights of a sixteenth of the rows already give; why: docs/decisions.
 */
const rowsPerComparison = 16

/** Of rows that were copied unseen. */
export const nothingCompared: MeasuredError = { squaredError: 0, energy: 0, compared: 0 }

/** Compares the first and every sixteenth row of a slice with what can be restored from its blocks. */
export function measureError(
  kernels: Kernels,
  { type, rows, columns }: { readonly type: GgmlType; readonly rows: number; readonly columns: number },
  at: { readonly weights: number; readonly blocks: number; readonly restored: number },
): MeasuredError {
  let squaredError = 0
  let energy = 0
  let compared = 0
  const bytes = rowBytes(type, columns)
  for (let row = 0; row < rows; row += rowsPerComparison) {
    kernels.dequantize(type, at.blocks + row * bytes, at.restored, columns)
    const sums = kernels.squaredError(at.weights + row * columns * Float32Array.BYTES_PER_ELEMENT, at.restored, columns)
    squaredError += sums.error
    energy += sums.energy
    compared += columns
  }
  return { squaredError, energy, compared }
}
