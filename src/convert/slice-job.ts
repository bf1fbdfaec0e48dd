import type { Plan, PlannedTensor } from '../plan/plan.ts'
import { type Slice, sliceCount, sliceOf, sliceSegments } from '../plan/slices.ts'
import type { QuantizeJob, ScanJob, SliceInput } from './protocol.ts'

/** Positions of a tensor in `Plan.tensors` and of a slice in that tensor. */
export interface SliceId {
  readonly tensor: number
  readonly slice: number
}

/** All slices of a plan in the order of the output file. */
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

export function quantizeJob(tensor: PlannedTensor, index: number): QuantizeJob {
  const slice = sliceOf(tensor, index)
  const { offset, byteLength } = slice
  return { kind: 'quantize', ...input(tensor, slice), type: tensor.type, columns: tensor.columns, offset, byteLength }
}

export function scanJob(tensor: PlannedTensor, index: number): ScanJob {
  return { kind: 'scan', ...input(tensor, sliceOf(tensor, index)), columns: tensor.columns }
}

function input(tensor: PlannedTensor, slice: Slice): SliceInput {
  const { rows, weights } = slice
  if (tensor.source.kind === 'values') return { rows, weights, input: tensor.source }
  const { dtype } = tensor.source
  return { rows, weights, input: { kind: 'segments', dtype, segments: sliceSegments(tensor, slice) } }
}
