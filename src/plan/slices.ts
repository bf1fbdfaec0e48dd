import { rowBytes } from '../formats/ggml/block-types.ts'
import type { RowTransform } from '../model/description.ts'
import type { PlannedTensor } from './plan.ts'

/**
 * Weights that one job handles at the most, unless a single row is longer. Fixed, because bookmarks number the slices:
 * another value makes another plan. 2^20 weights are 4 MiB as F32: some milliseconds of work, so that little is lost
 * when a run is cut, and long enough that handing it out costs nothing.
 */
export const sliceWeights = 2 ** 20

/** Rows `firstRow` to `firstRow + rows - 1` of a tensor of the output, and where their blocks go. */
export interface Slice {
  readonly firstRow: number
  readonly rows: number
  readonly weights: number
  /** Byte position in the tensor's file. */
  readonly offset: number
  readonly byteLength: number
}

function rowsPerSlice(tensor: PlannedTensor): number {
  return Math.max(1, Math.floor(sliceWeights / tensor.columns))
}

export function sliceCount(tensor: PlannedTensor): number {
  return Math.ceil(tensor.rows / rowsPerSlice(tensor))
}

export function sliceOf(tensor: PlannedTensor, index: number): Slice {
  const firstRow = index * rowsPerSlice(tensor)
  if (index < 0 || firstRow >= tensor.rows) throw new RangeError(`${tensor.name} has no slice ${index}`)
  const rows = Math.min(rowsPerSlice(tensor), tensor.rows - firstRow)
  const bytes = rowBytes(tensor.type, tensor.columns)
  return {
    firstRow,
    rows,
    weights: rows * tensor.columns,
    offset: tensor.offset + firstRow * bytes,
    byteLength: rows * bytes,
  }
}

/** One read: `byteLength` bytes at `offset` of a source go to `target`, counted from the start of the slice's rows. */
export interface Segment {
  readonly source: number
  readonly offset: number
  readonly byteLength: number
  readonly target: number
}

/** The reads that bring the rows of `slice` together in output order; neighbours in the file are read at once. */
export function sliceSegments(tensor: PlannedTensor, slice: Pick<Slice, 'firstRow' | 'rows'>): Segment[] {
  if (tensor.source.kind !== 'rows') throw new TypeError(`${tensor.name} is not read from a source`)
  const { ranges, transform, dtype } = tensor.source
  const bytes = rowBytes(dtype, tensor.columns)
  const segments: Segment[] = []
  let together = 1
  for (let row = 0; row < slice.rows; row += together) {
    let left = sourceRow(transform, tensor.rows, slice.firstRow + row)
    const range = ranges.find((candidate) => {
      if (left < candidate.rows) return true
      left -= candidate.rows
      return false
    })
    if (range === undefined) throw new RangeError(`${tensor.name}: no source holds row ${slice.firstRow + row}`)
    if (transform.kind === 'none') together = Math.min(range.rows - left, slice.rows - row)
    const byteLength = together * bytes
    const offset = range.offset + left * bytes
    const last = segments.at(-1)
    if (last !== undefined && last.source === range.source && last.offset + last.byteLength === offset) {
      segments[segments.length - 1] = { ...last, byteLength: last.byteLength + byteLength }
    } else {
      segments.push({ source: range.source, offset, byteLength, target: row * bytes })
    }
  }
  return segments
}

/** The row of the source that becomes row `row` of the output. */
export function sourceRow(transform: RowTransform, rows: number, row: number): number {
  if (transform.kind === 'none') return row
  const perHead = rows / transform.heads
  const inHead = row % perHead
  return row - inHead + (inHead % 2) * (perHead / 2) + Math.floor(inHead / 2)
}
