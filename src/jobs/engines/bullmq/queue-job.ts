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

/**
 * Whether this is what a job holds. A worker is handed less where Redis evicted the job's record, but not its place in
 * the queue.
 */
export function isQueueJob(data: unknown): data is QueueJob {
  if (typeof data !== 'object' || data === null) return false
  const { conversion, tensor, firstSlice, slices } = data as Partial<Record<keyof QueueJob, unknown>>
  return typeof conversion === 'string' && [tensor, firstSlice, slices].every(Number.isSafeInteger)
}
