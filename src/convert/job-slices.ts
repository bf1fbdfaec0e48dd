import type { Twins } from '../plan/twins.ts'
import type { SliceRange } from './engine.ts'
import type { SliceId } from './slice-id.ts'
import type { SliceNumbers } from './slice-numbers.ts'

/**
 * Slices of one job for other machines: 2^24 weights, so that a job is worth its way through a queue, and the largest
 * tensor has enough of them for many machines.
 */
const slicesPerJob = 16

/** Which slices are of which job for other machines: twins are of one. The same for whoever counts, and whenever. */
export class JobSlices {
  readonly #numbers: SliceNumbers
  readonly #twins: Twins

  constructor(numbers: SliceNumbers, twins: Twins) {
    this.#numbers = numbers
    this.#twins = twins
  }

  /** The job that a slice is of. It is named after the first of the twins, whichever of them is asked about. */
  jobOf({ tensor: asked, slice }: SliceId): SliceRange {
    const tensor = this.#twins.of(asked)[0] ?? asked
    const firstSlice = slice - (slice % slicesPerJob)
    return { tensor, firstSlice, slices: Math.min(slicesPerJob, this.#numbers.slicesOf(tensor) - firstSlice) }
  }

  /** Numbers of the slices of a job's tensor and its twins. */
  within(job: SliceRange): number[] {
    return this.#twins.of(job.tensor).flatMap((tensor) => this.#numbers.within({ ...job, tensor }))
  }
}

/** A job is recognised by its tensor and its first slice. */
export function jobKey({ tensor, firstSlice }: SliceRange): string {
  return `${tensor}/${firstSlice}`
}
