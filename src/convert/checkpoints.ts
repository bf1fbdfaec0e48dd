import type { PartFile } from '../disk/part-file.ts'
import type { EventListener } from './events.ts'
import { type SliceId, sliceKey } from './slice-id.ts'
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

/**
 * Bookmarks finished slices in batches: first the output is synced, then the bookmarks are committed. The order is
 * what makes a bookmark trustworthy; losing one only costs repeated work. After an error no more is bookmarked.
 */
export class Checkpoints {
  readonly #part: PartFile
  readonly #database: StateDatabase
  readonly #conversion: number
  readonly #limits: BatchLimits
  readonly #onEvent: EventListener
  #batch: Bookmark[] = []
  /** The batch that is being made durable. */
  #underWay: Bookmark[] = []
  #bytes = 0
  #begun = 0
  #writing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(
    part: PartFile,
    database: StateDatabase,
    conversion: number,
    limits: BatchLimits,
    onEvent: EventListener,
  ) {
    this.#part = part
    this.#limits = limits
    this.#database = database
    this.#conversion = conversion
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
    const due = this.#bytes >= this.#limits.bytes || performance.now() - this.#begun >= this.#limits.milliseconds
    if (!due || this.#writing !== undefined) return
    this.#writing = this.#writeBatch()
      .catch((error: unknown) => {
        this.#failure = { error }
      })
      .finally(() => {
        this.#writing = undefined
      })
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
    dropBookmarks(this.#database, this.#conversion, ids)
  }

  async #writeBatch(): Promise<void> {
    this.#underWay = this.#batch
    this.#batch = []
    this.#bytes = 0
    await this.#part.sync()
    writeBookmarks(this.#database, this.#conversion, this.#underWay)
    this.#onEvent({ kind: 'bookmarked', slices: this.#underWay.length })
  }
}
