import { randomInt } from 'node:crypto'
import type { Plan } from '../plan/plan.ts'
import { sliceOf } from '../plan/slices.ts'
import type { OpenConversion, SliceRange, Taken } from './engine.ts'
import type { OutputParts } from './output-parts.ts'
import type { MadeSlice } from './protocol.ts'
import type { SliceId } from './slice-id.ts'
import { checkJob, tensorOf } from './slice-job.ts'
import type { WorkList } from './work-list.ts'
import type { WorkerPool } from './worker-pool.ts'

/** Hex digits of the plan's fingerprint in a conversion's key: enough that two plans never share one. */
const fingerprintDigits = 32

export interface DeskOptions {
  /** Row of the state database. */
  readonly conversion: number
  readonly plan: Plan
  /** As {@link OpenConversion.part}. */
  readonly part: string
  readonly parts: Pick<OutputParts, 'write'>
  readonly work: WorkList
  readonly pool: Pick<WorkerPool, 'run'>
  /** Counts a slice whose blocks have been written. */
  readonly accept: (id: SliceId, made: MadeSlice) => void
  /** Takes back what was accepted. Returns how many slices that were. */
  readonly retake: (ids: readonly SliceId[]) => number
}

/** Where slices made on other machines come in. */
export class ConversionDesk implements OpenConversion {
  readonly key: string
  readonly #options: DeskOptions
  readonly #arriving = new Set<Promise<unknown>>()
  /** Of those who wait for a job: tells them that the conversion has failed. */
  readonly #waiting = new Set<(error: unknown) => void>()
  #failure: { readonly error: unknown } | undefined
  #closed = false

  constructor(options: DeskOptions) {
    const { conversion, plan } = options
    this.key = `${conversion}-${plan.fingerprint.slice(0, fingerprintDigits)}`
    this.#options = options
  }

  get plan(): Plan {
    return this.#options.plan
  }

  get part(): string {
    return this.#options.part
  }

  wanted(job: SliceRange): SliceId[] {
    return this.#closed ? [] : this.#options.work.wanted(job)
  }

  async settled(job: SliceRange): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    let tell = (_error: unknown) => {}
    // Each job has its own: one that lives as long as the conversion would keep every race that it was ever part of.
    const failed = new Promise<never>((_, reject) => {
      tell = reject
    })
    this.#waiting.add(tell)
    try {
      await Promise.race([this.#options.work.settled(job), failed])
    } finally {
      this.#waiting.delete(tell)
    }
  }

  async take(id: SliceId, blocks: Uint8Array<ArrayBuffer>, made: MadeSlice, check: 'sample' | 'whole'): Promise<Taken> {
    if (this.#closed || !this.#options.work.arrive(id)) return 'late'
    const taking = this.#take(id, blocks, made, check)
    this.#arriving.add(taking)
    try {
      return await taking
    } catch (error) {
      // The disk is full, a source is gone: what would end the conversion if a thread of this machine met it.
      this.#fail(error)
      throw error
    } finally {
      this.#arriving.delete(taking)
    }
  }

  retake(ids: readonly SliceId[]): number {
    return this.#closed ? 0 : this.#options.retake(ids)
  }

  makeHere(id: SliceId, made?: () => void): void {
    if (!this.#closed) this.#options.work.keepHere(id, made)
  }

  /** Nothing is taken any more; what is being written has been when this returns. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#arriving)
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    for (const tell of this.#waiting) tell(error)
  }

  async #take(id: SliceId, blocks: Uint8Array, made: MadeSlice, check: 'sample' | 'whole'): Promise<Taken> {
    const { plan, parts, work, accept } = this.#options
    const tensor = tensorOf(plan, id)
    let written = false
    try {
      if (!(await this.#isRight(id, blocks, check))) return 'wrong'
      await parts.write(tensor.file, blocks, sliceOf(tensor, id.slice).offset)
      written = true
    } finally {
      if (!written) work.refuse(id)
    }
    accept(id, made)
    return 'accepted'
  }

  /** Whether this machine makes the same blocks of the same rows. */
  async #isRight(id: SliceId, blocks: Uint8Array, check: 'sample' | 'whole'): Promise<boolean> {
    const tensor = tensorOf(this.#options.plan, id)
    const slice = sliceOf(tensor, id.slice)
    if (blocks.length !== slice.byteLength) return false
    const bytes = slice.byteLength / slice.rows
    const first = check === 'whole' ? 0 : randomInt(slice.rows)
    const rows = check === 'whole' ? slice.rows : 1
    // A copy: what a thread is sent of a view is all that lies behind it.
    const sample = blocks.slice(first * bytes, (first + rows) * bytes)
    const job = checkJob(tensor, { firstRow: slice.firstRow + first, rows }, sample)
    return (await this.#options.pool.run(job)).same
  }
}
