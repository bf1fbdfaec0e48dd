import { type GgmlType, rowBytes } from '../formats/ggml/block-types.ts'
import type { Kernels } from '../quant/kernels.ts'
import type { RowImportance } from './protocol.ts'

/** Rows `first` to `first + count - 1` of a job. */
export interface RowsToQuantize {
  readonly type: GgmlType
  readonly columns: number
  readonly first: number
  readonly count: number
  readonly importance: RowImportance | undefined
}

/** Addresses in the kernels' memory: of the rows as F32, of their blocks, and of room for one row of importances. */
export interface RowAddresses {
  readonly weights: number
  readonly blocks: number
  readonly importance: number
}

/** Quantizes rows: all at once or, where their columns do not all count alike, one by one. */
export function quantizeRows(kernels: Kernels, rows: RowsToQuantize, at: RowAddresses): void {
  const { type, columns, first, count, importance } = rows
  if (importance === undefined) {
    kernels.quantize(type, at.weights, at.blocks, count * columns)
    return
  }
  const bytes = rowBytes(type, columns)
  let current = -1
  for (let row = 0; row < count; row++) {
    const matrix = Math.floor((importance.firstRow + first + row) / importance.rowsPerMatrix)
    if (matrix !== current) {
      const room = new Float32Array(kernels.memory.buffer, at.importance, columns)
      room.set(importance.values.subarray(matrix * columns, (matrix + 1) * columns))
    }
    current = matrix
    kernels.quantize(type, at.weights + row * columns * 4, at.blocks + row * bytes, columns, at.importance)
  }
}
