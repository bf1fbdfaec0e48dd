import type { SliceRange } from '../../../convert/engine.ts'

/** What a job in Redis holds: where to look, no bytes of tensors. About a hundred bytes. */
export interface QueueJob extends SliceRange {
  /** Key of the conversion, `OpenConversion.key`. */
  readonly conversion: string
}

/** The same slices of the same plan always have the same id, so that a job is never in the queue twice. BullMQ forbids colons. */
export function queueJobId({ conversion, tensor, firstSlice }: QueueJob): string {
  return `${conversion}-${tensor}-${firstSlice}`
}
