import type { GgmlType } from '../formats/ggml/block-types.ts'
import type { Kernels } from '../quant/kernels.ts'
import type { MeasuredError } from './protocol.ts'

/**
 * Of how many rows one is compared with what its blocks restore to. Comparing all of them would restore every block once
 * more, for a figure that the many weights of a sixteenth of the rows already give; why: docs/decisions.
 */
const rowsPerComparison = 16

/** Of rows that were copied unseen. */
export const nothingCompared: MeasuredError = { squaredError: 0, energy: 0, compared: 0 }

/** Whether a row is compared: the first and every sixteenth of a slice. */
export function isCompared(row: number): boolean {
  return row % rowsPerComparison === 0
}

/** Adds how far one row is from what can be restored from its blocks. Addresses are those of the row. */
export function addRowError(
  sum: MeasuredError,
  kernels: Kernels,
  type: GgmlType,
  columns: number,
  at: { readonly weights: number; readonly blocks: number; readonly restored: number },
): MeasuredError {
  kernels.dequantize(type, at.blocks, at.restored, columns)
  const { error, energy } = kernels.squaredError(at.weights, at.restored, columns)
  return {
    squaredError: sum.squaredError + error,
    energy: sum.energy + energy,
    compared: sum.compared + columns,
  }
}
