import { MiberaError } from '../../../base/errors.ts'
import type { Engine, OpenConversion, SliceRange } from '../../../convert/engine.ts'
import type { Standing } from './job-queue.ts'
import { type QueueJob, queueJobId } from './queue-job.ts'

/**
 * A job that BullMQ gave up so often without one slice of it being delivered is made by the coordinator itself. At the
 * first time it is one slice: where the cause is a source that is gone, the conversion ends with it, and soon.
 */
const mostFailures = 3

/**
 * The same for a job that vanished so often: evicted again and again, or ended by a worker that did not do it. Much
 * larger, for Redis may be restarted without its data many times.
 */
const mostLosses = 20

/** What an engine needs of its link. */
export interface Board {
  /** Jobs that an engine may have in hand at this moment. */
  readonly capacity: number
  onCapacity(listener: () => void): () => void
  /** There are jobs to be placed. */
  changed(): void
  /** Takes what an engine left in Redis away, as far as that goes quickly. */
  leave(engine: BullmqEngine): Promise<void>
}

/** A job that somebody waits for. */
interface Outstanding {
  readonly job: QueueJob
  /** Slices that were to be made when this was counted last. */
  wanted: number
  failures: number
  losses: number
  end(): void
  fail(error: unknown): void
}

/**
 * Other machines, reached over BullMQ. The queue says only who is next: what a worker makes comes in by another way,
 * and a job is over when the conversion wants nothing of it any more, whatever Redis knows.
 */
export class BullmqEngine implements Engine {
  readonly name = 'bullmq'
  readonly #conversion: OpenConversion
  readonly #board: Board
  readonly #outstanding = new Map<string, Outstanding>()
  /** Ids of those that are to be put into the queue. */
  readonly #unplaced = new Set<string>()
  readonly #stops = new WeakSet<AbortSignal>()
  #closed = false

  constructor(conversion: OpenConversion, board: Board) {
    this.#conversion = conversion
    this.#board = board
  }

  get conversion(): string {
    return this.#conversion.key
  }

  get capacity(): number {
    return this.#closed ? 0 : this.#board.capacity
  }

  onCapacity(listener: () => void): () => void {
    return this.#board.onCapacity(listener)
  }

  /** @throws MiberaError ENGINE_LOST when this was closed; whatever the conversion failed with. */
  async run(range: SliceRange, stop: AbortSignal): Promise<void> {
    if (this.#closed) throw lost()
    if (stop.aborted) return
    this.#endAt(stop)
    const job = { conversion: this.#conversion.key, ...range }
    const id = queueJobId(job)
    const ended = new Promise<void>((end, fail) => {
      const wanted = this.#conversion.wanted(range).length
      this.#outstanding.set(id, { job, wanted, failures: 0, losses: 0, end, fail })
    })
    this.#unplaced.add(id)
    const outstanding = this.#outstanding.get(id)
    this.#conversion.settled(range).then(outstanding?.end, outstanding?.fail)
    this.#board.changed()
    try {
      await ended
    } finally {
      this.#outstanding.delete(id)
      this.#unplaced.delete(id)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const { fail } of this.#outstanding.values()) fail(lost())
    await this.#board.leave(this)
  }

  /** Whether somebody waits for this job. */
  has(id: string): boolean {
    return this.#outstanding.has(id)
  }

  /** At most `most` jobs that are to be put into the queue. */
  unplaced(most: number): QueueJob[] {
    const found: QueueJob[] = []
    for (const id of this.#unplaced) {
      if (found.length >= most) break
      const job = this.#outstanding.get(id)?.job
      // Of what is just arriving nothing is wanted: should it be refused, it is placed at the next look.
      if (job !== undefined && this.#conversion.wanted(job).length > 0) found.push(job)
    }
    return found
  }

  placed(jobs: readonly QueueJob[]): void {
    for (const job of jobs) this.#unplaced.delete(queueJobId(job))
  }

  /**
   * Compares with what Redis holds: what is in none of its lists will be placed again.
   * @returns those jobs, to be removed before: their own record may still be there, and they were not added then.
   */
  compare({ alive, failed }: Standing): string[] {
    const again: string[] = []
    for (const [id, outstanding] of this.#outstanding) {
      if (this.#unplaced.has(id) || alive.has(id)) continue
      this.#unplaced.add(id)
      again.push(id)
      this.#count(outstanding, failed.has(id))
    }
    return again
  }

  /** Counts that a job failed or vanished, and has made here what others will not make. */
  #count(outstanding: Outstanding, failed: boolean): void {
    const wanted = this.#conversion.wanted(outstanding.job)
    if (wanted.length === 0) return
    if (wanted.length < outstanding.wanted) outstanding.failures = outstanding.losses = 0
    if (failed) outstanding.failures++
    else outstanding.losses++
    const hopeless = outstanding.failures >= mostFailures || outstanding.losses >= mostLosses
    const here = wanted.slice(0, hopeless ? wanted.length : failed ? 1 : 0)
    for (const id of here) this.#conversion.makeHere(id)
    outstanding.wanted = wanted.length - here.length
  }

  /** One listener for all jobs: thousands may be in hand. */
  #endAt(stop: AbortSignal): void {
    if (this.#stops.has(stop)) return
    this.#stops.add(stop)
    stop.addEventListener(
      'abort',
      () => {
        for (const { end } of this.#outstanding.values()) end()
      },
      { once: true },
    )
  }
}

function lost(): MiberaError {
  return new MiberaError('ENGINE_LOST', 'other machines can no longer be asked for slices of this conversion')
}
