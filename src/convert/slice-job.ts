import type { Plan, PlannedTensor } from '../plan/plan.ts'
import { type Slice, sliceCount, sliceOf, sliceSegments } from '../plan/slices.ts'
import type { CheckJob, QuantizeJob, QuantizeTarget, RowImportance, ScanJob, SliceInput } from './protocol.ts'
import type { SliceId } from './slice-id.ts'

/** All slices of a plan in the order of the output, one file after the other. */
export function* allSlices(plan: Plan): Generator<SliceId> {
  for (const [tensor, planned] of plan.tensors.entries()) {
    for (let slice = 0; slice < sliceCount(planned); slice++) yield { tensor, slice }
  }
}

export function tensorOf(plan: Plan, { tensor }: SliceId): PlannedTensor {
  const planned = plan.tensors[tensor]
  if (planned === undefined) throw new RangeError(`the plan has no tensor ${tensor}`)
  return planned
}

/** @param ids at least one; several have the same source, and are made of the same rows. */
export function quantizeJob(plan: Plan, ids: readonly SliceId[]): QuantizeJob {
  const [first] = ids
  if (first === undefined) throw new RangeError('a job makes at least one slice')
  const tensor = tensorOf(plan, first)
  const { columns } = tensor
  const targets = ids.map((id) => target(plan, id))
  return { kind: 'quantize', ...input(tensor, sliceOf(tensor, first.slice)), columns, targets }
}

function target(plan: Plan, id: SliceId): QuantizeTarget {
  const tensor = tensorOf(plan, id)
  const { type, file } = tensor
  const { firstRow, offset, byteLength } = sliceOf(tensor, id.slice)
  return { id, type, importance: rowImportance(tensor, firstRow), file, offset, byteLength }
}

export function scanJob(tensor: PlannedTensor, index: number): ScanJob {
  return { kind: 'scan', ...input(tensor, sliceOf(tensor, index)), columns: tensor.columns }
}

/** @param rows of the tensor, whose blocks the caller has. */
export function checkJob(tensor: PlannedTensor, rows: Pick<Slice, 'firstRow' | 'rows'>, blocks: Uint8Array): CheckJob {
  const { type, columns } = tensor
  const importance = rowImportance(tensor, rows.firstRow)
  return { kind: 'check', ...input(tensor, rows), type, columns, importance, blocks }
}

/** What the rows of a tensor from `firstRow` on count by. */
export function rowImportance(tensor: PlannedTensor, firstRow: number): RowImportance | undefined {
  const { importance: values, rows, columns } = tensor
  if (values === undefined) return undefined
  return { values, firstRow, rowsPerMatrix: rows / (values.length / columns) }
}

function input(tensor: PlannedTensor, { firstRow, rows }: Pick<Slice, 'firstRow' | 'rows'>): SliceInput {
  const weights = rows * tensor.columns
  if (tensor.source.kind === 'values') {
    const values = tensor.source.values.slice(firstRow * tensor.columns, (firstRow + rows) * tensor.columns)
    return { rows, weights, input: { kind: 'values', values } }
  }
  const { dtype } = tensor.source
  return { rows, weights, input: { kind: 'segments', dtype, segments: sliceSegments(tensor, { firstRow, rows }) } }
}
