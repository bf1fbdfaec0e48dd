import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type BetterSqlite3 from 'better-sqlite3'
import { expect } from 'vitest'
import type { SliceId } from '#dist/convert/slice-id.js'
import { allSlices } from '#dist/convert/slice-job.js'
import { databaseFileName } from '#dist/convert/state/database.js'
import { Database } from '#dist/disk/sqlite.js'
import type { Plan, PlannedTensor } from '#dist/plan/plan.js'
import { sliceOf } from '#dist/plan/slices.js'

/** What ledger-preload.mjs tells of a daemon, before the daemon goes on. */
export type LedgerLine =
  /** The daemon begins, and is made of what the module changes. */
  | { readonly kind: 'begun' }
  /** A slice made elsewhere was delivered, and this became of it. */
  | { readonly kind: 'taken'; readonly tensor: number; readonly slice: number; readonly taken: Taken }
  /** A slice that was taken is to be made again: whoever made it was found to make wrong ones. */
  | { readonly kind: 'retaken'; readonly tensor: number; readonly slice: number }
  /** Blocks were written into the output: delivered ones, or those of this machine's own threads. */
  | { readonly kind: 'written'; readonly offset: number; readonly byteLength: number }

export type Taken = 'accepted' | 'late' | 'wrong'

interface Life {
  readonly lines: LedgerLine[]
  /** Slices that had a bookmark before. */
  readonly kept: ReadonlySet<string>
}

/** Follows all lives of a daemon: each write into the output, and each bookmark. */
export class Ledger {
  readonly #plan: Plan
  readonly #state: string
  readonly #lives: Life[] = []
  readonly #offsets = new Set<number>()
  #last = Number.POSITIVE_INFINITY
  #longest = { milliseconds: 0, before: 0 }
  readonly #waiting = new Set<{ readonly count: number; resolve(): void }>()
  readonly #sliceAt: ReadonlyMap<number, string>

  constructor(plan: Plan, state: string) {
    this.#plan = plan
    this.#state = state
    this.#sliceAt = new Map(
      [...allSlices(plan)].flatMap(({ tensor, slice }) => {
        const planned = plan.tensors[tensor]
        return planned === undefined ? [] : [[sliceOf(planned, slice).offset, `${tensor}/${slice}`] as const]
      }),
    )
  }

  /** Of the conversion that the state directory has. */
  get key(): string {
    const id = this.#inDatabase((database) => database.prepare('SELECT id FROM conversion').pluck().get())
    return `${id}-${this.#plan.fingerprint.slice(0, 32)}`
  }

  /** Slices that were written by any life so far. */
  get written(): number {
    return this.#offsets.size
  }

  /**
   * Reads what a new life of the daemon tells. Not before the life before it has ended.
   * @returns when it has told that it begins.
   */
  follow(told: Readable): Promise<'heard'> {
    const life: Life = { lines: [], kept: new Set(this.#lives.length === 0 ? [] : this.#standing()) }
    this.#lives.push(life)
    const lines = createInterface(told)
    lines.on('line', (line) => {
      const entry = JSON.parse(line) as LedgerLine
      life.lines.push(entry)
      if (entry.kind === 'written') this.#note(entry.offset)
      for (const waiting of this.#waiting) {
        if (this.#offsets.size < waiting.count) continue
        this.#waiting.delete(waiting)
        waiting.resolve()
      }
    })
    return once(lines, 'line').then(() => 'heard')
  }

  /** Resolves when so many slices were written. */
  async reached(count: number): Promise<void> {
    if (this.#offsets.size >= count) return
    await new Promise<void>((resolve) => this.#waiting.add({ count, resolve }))
  }

  /** From now on the database notes every bookmark that is made, so that one that is made again is seen. */
  watchBookmarks(): void {
    this.#inDatabase((database) =>
      database.exec(`
        CREATE TABLE trial_bookmark (id INTEGER PRIMARY KEY, tensor INTEGER NOT NULL, slice INTEGER NOT NULL);
        CREATE TRIGGER trial_bookmark_made AFTER INSERT ON bookmark
        BEGIN INSERT INTO trial_bookmark (tensor, slice) VALUES (new.tensor, new.slice); END;`),
    )
  }

  /** Every bookmark that was ever made, in order. */
  bookmarks(): string[] {
    return this.#inDatabase((database) =>
      database.prepare<[], SliceId>('SELECT tensor, slice FROM trial_bookmark ORDER BY id').all().map(nameOf),
    )
  }

  /** The longest time between two writes, and how many slices were written after it. */
  get longestPause(): { readonly milliseconds: number; readonly before: number } {
    return this.#longest
  }

  /** Of all lives together. */
  count(taken: Taken, of: (tensor: PlannedTensor | undefined) => boolean = () => true): number {
    const { tensors } = this.#plan
    return this.#lines().filter((line) => line.kind === 'taken' && line.taken === taken && of(tensors[line.tensor]))
      .length
  }

  /** Slices that were not to be believed any more. */
  get retaken(): number {
    return this.#lines().filter(({ kind }) => kind === 'retaken').length
  }

  /** Writes of slices that had been written: by a daemon that died before they were bookmarked, or by a bad worker. */
  get repeated(): number {
    return this.#lines().filter(({ kind }) => kind === 'written').length - this.written
  }

  /**
   * Each slice was bookmarked once, and written once by each life that found it without a bookmark; once more for each
   * time that it was retaken. Nothing else was written.
   */
  check(): void {
    const all = [...allSlices(this.#plan)].map(({ tensor, slice }) => `${tensor}/${slice}`)
    const retaken = this.#lines().flatMap((line) => (line.kind === 'retaken' ? [nameOf(line)] : []))
    expect([...new Set(this.bookmarks())].toSorted()).toEqual(all.toSorted())
    expect(without(repeats(this.bookmarks()), retaken), 'bookmarked twice').toEqual([])
    for (const [index, { lines, kept }] of this.#lives.entries()) {
      const again = lines.flatMap((line) => (line.kind === 'retaken' ? [nameOf(line)] : []))
      const written = lines.flatMap((line) => (line.kind === 'written' ? [this.#sliceAt.get(line.offset) ?? '?'] : []))
      expect(without(repeats(written), again), `written twice by life ${index}`).toEqual([])
      const unlawful = written.filter((slice) => slice === '?' || kept.has(slice))
      expect(without(unlawful, again), `written by life ${index}, but no slice, or bookmarked before`).toEqual([])
      const accepted = lines.flatMap((line) =>
        line.kind === 'taken' && line.taken === 'accepted' ? [nameOf(line)] : [],
      )
      expect(without(repeats(accepted), again), `accepted twice by life ${index}`).toEqual([])
    }
    expect(this.written).toBe(all.length)
  }

  #lines(): LedgerLine[] {
    return this.#lives.flatMap(({ lines }) => lines)
  }

  /** The bookmarks that there are. */
  #standing(): string[] {
    return this.#inDatabase((database) =>
      database.prepare<[], SliceId>('SELECT tensor, slice FROM bookmark').all().map(nameOf),
    )
  }

  #note(offset: number): void {
    this.#offsets.add(offset)
    const now = performance.now()
    if (now - this.#last > this.#longest.milliseconds) {
      this.#longest = { milliseconds: now - this.#last, before: this.#offsets.size }
    }
    this.#last = now
  }

  #inDatabase<T>(use: (database: BetterSqlite3.Database) => T): T {
    const database = new Database(join(this.#state, databaseFileName), { timeout: 10_000 })
    try {
      return use(database)
    } finally {
      database.close()
    }
  }
}

function nameOf({ tensor, slice }: SliceId): string {
  return `${tensor}/${slice}`
}

/** Every occurrence but the first. */
function repeats(all: readonly string[]): string[] {
  return all.filter((one, index) => all.indexOf(one) !== index)
}

/** What is left when for each of `allowed` one occurrence is taken away. */
function without(all: readonly string[], allowed: readonly string[]): string[] {
  const left = [...allowed]
  return all.filter((one) => {
    const found = left.indexOf(one)
    if (found >= 0) left.splice(found, 1)
    return found < 0
  })
}
