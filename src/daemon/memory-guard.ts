import type { ThreadLimit } from '../convert/thread-limit.ts'
import type { ReadAvailableMemory } from './available-memory.ts'

export interface MemoryGuardOptions {
  readonly limit: ThreadLimit
  /** Threads while memory is plenty. */
  readonly mostThreads: number
  /** Available memory (bytes) below which threads are given up. */
  readonly floor: number
  readonly read: ReadAvailableMemory
  readonly onChange: (change: ThreadChange) => void
}

export interface ThreadChange {
  readonly threads: number
  readonly available: number
}

const lookMilliseconds = 1000
/** Threads come back one at a time, each after memory was plenty for so many looks. */
const plentyLooks = 5
/** Above the floor by this much memory is plenty: between the two nothing changes, so that the limit does not swing. */
const plentyFactor = 1.5

/**
 * Keeps conversions from being what drives the machine out of memory: while less than the floor is available, half of
 * the threads are given up at each look, down to one; they come back slowly.
 */
export class MemoryGuard {
  readonly #options: MemoryGuardOptions
  #timer: NodeJS.Timeout | undefined
  #looksOfPlenty = 0
  #available: number | undefined

  constructor(options: MemoryGuardOptions) {
    this.#options = options
  }

  /** At the last look. */
  get available(): number | undefined {
    return this.#available
  }

  start(): void {
    if (this.#timer !== undefined) return
    this.look()
    this.#timer = setInterval(() => this.look(), lookMilliseconds)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Judges once; the timer does it every second. */
  look(): void {
    const { limit, mostThreads, floor, read } = this.#options
    this.#available = read()
    if (this.#available === undefined) return
    const { threads } = limit
    if (this.#available < floor) {
      this.#looksOfPlenty = 0
      this.#set(Math.max(1, Math.floor(threads / 2)), this.#available)
    } else if (this.#available < floor * plentyFactor || threads >= mostThreads) {
      this.#looksOfPlenty = 0
    } else if (++this.#looksOfPlenty >= plentyLooks) {
      this.#looksOfPlenty = 0
      this.#set(threads + 1, this.#available)
    }
  }

  #set(threads: number, available: number): void {
    if (threads === this.#options.limit.threads) return
    this.#options.limit.set(threads)
    this.#options.onChange({ threads, available })
  }
}
