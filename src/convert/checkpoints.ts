import type { Plan } from '../plan/plan.ts'
import type { EventListener } from './events.ts'
import type { OutputParts } from './output-parts.ts'
import { type SliceId, sliceKey } from './slice-id.ts'
import { tensorOf } from './slice-job.ts'
import { type Bookmark, dropBookmarks, writeBookmarks } from './state/bookmarks.ts'
import type { StateDatabase } from './state/database.ts'

/** When a batch of finished slices is made durable: whichever comes first. */
export interface BatchLimits {
  /** Since its first slice was finished. */
  readonly milliseconds: number
  /** Of blocks. */
  readonly bytes: number
}

/**
 * Batches are small enough that a disk writes most of the output while the kernels still work, and little is left to
 * wait for at the end.
 */
export const usualBatch: BatchLimits = { milliseconds: 2000, bytes: 64 * 1024 * 1024 }

/** Where batches come from, and what they are of. */
export interface CheckpointTarget {
  readonly plan: Plan
  readonly parts: Pick<OutputParts, 'sync'>
  readonly database: StateDatabase
  /** Row of the state database. */
  readonly conversion: number
}

/**
 * Bookmarks finished slices in batches: first the files they are in are synced, then the bookmarks are committed. The order is
 * what makes a bookmark trustworthy; losing one only costs repeated work. After an error no more is bookmarked.
 */
export class Checkpoints {
  readonly #target: CheckpointTarget
  readonly #limits: BatchLimits
  readonly #onEvent: EventListener
  #batch: Bookmark[] = []
  /** The batch that is being made durable. */
  #underWay: Bookmark[] = []
  #bytes = 0
  #begun = 0
  #writing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #isNearEnd = false

  constructor(target: CheckpointTarget, limits: BatchLimits, onEvent: EventListener) {
    this.#target = target
    this.#limits = limits
    this.#onEvent = onEvent
  }

  /**
   * Takes a slice whose blocks have been written. A batch that is due is made durable meanwhile.
   * @throws whatever an earlier batch failed with.
   */
  add(bookmark: Bookmark, byteLength: number): void {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#batch.length === 0) this.#begun = performance.now()
    this.#batch.push(bookmark)
    this.#bytes += byteLength
    if (this.#bytes >= this.#limits.bytes || performance.now() - this.#begun >= this.#limits.milliseconds) this.#begin()
  }

  /** The last slices are being made: what is there is made durable meanwhile, so that the end waits for little. */
  nearEnd(): void {
    if (this.#isNearEnd || this.#batch.length === 0) return
    this.#isNearEnd = true
    this.#begin()
  }

  /** Makes durable and bookmarks everything added so far. */
  async finish(): Promise<void> {
    await this.#writing
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#batch.length > 0) await this.#writeBatch()
  }

  /** Slices that were added are not to be believed any more: they have no bookmark when this returns. */
  forget(ids: readonly SliceId[]): void {
    const keys = new Set(ids.map(sliceKey))
    const isKept = (bookmark: Bookmark) => !keys.has(sliceKey(bookmark))
    this.#batch = this.#batch.filter(isKept)
    this.#underWay = this.#underWay.filter(isKept)
    dropBookmarks(this.#target.database, this.#target.conversion, ids)
  }

  #begin(): void {
    if (this.#writing !== undefined) return
    this.#writing = this.#writeBatch()
      .catch((error: unknown) => {
        this.#failure = { error }
      })
      .finally(() => {
        this.#writing = undefined
      })
  }

  async #writeBatch(): Promise<void> {
    this.#underWay = this.#batch
    this.#batch = []
    this.#bytes = 0
    const { plan, parts, database, conversion } = this.#target
    await parts.sync(new Set(this.#underWay.map((bookmark) => tensorOf(plan, bookmark).file)))
    writeBookmarks(database, conversion, this.#underWay)
    this.#onEvent({ kind: 'bookmarked', slices: this.#underWay.length })
  }
}
