import type { SliceRange } from './engine.ts'
import { jobKey } from './job-slices.ts'

interface Awaited {
  readonly settled: Promise<void>
  readonly resolve: () => void
}

/** Jobs that somebody waits for. */
export class AwaitedJobs {
  readonly #awaited = new Map<string, Awaited>()

  get isEmpty(): boolean {
    return this.#awaited.size === 0
  }

  has(job: SliceRange): boolean {
    return this.#awaited.has(jobKey(job))
  }

  /** Resolves when the job is settled: one promise for all who wait for it. */
  wait(job: SliceRange): Promise<void> {
    const known = this.#awaited.get(jobKey(job))
    if (known !== undefined) return known.settled
    let resolve = () => {}
    const settled = new Promise<void>((settle) => {
      resolve = settle
    })
    this.#awaited.set(jobKey(job), { settled, resolve })
    return settled
  }

  settle(job: SliceRange): void {
    this.#awaited.get(jobKey(job))?.resolve()
    this.#awaited.delete(jobKey(job))
  }
}
