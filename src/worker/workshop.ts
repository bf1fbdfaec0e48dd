import type { Workbench } from './workbench.ts'

/** So long (ms) the threads of a conversion are kept without a job: their memory is wanted elsewhere. */
const idleMilliseconds = 30_000

interface Place {
  readonly conversion: string
  readonly bench: Promise<Workbench>
  users: number
}

/**
 * Has one workbench at a time, so that threads and memory are those of one conversion: a coordinator fills one file
 * after the other. Whoever comes for another conversion waits until the jobs in hand are done, and others behind it.
 */
export class Workshop {
  readonly #open: (conversion: string) => Promise<Workbench>
  #place: Place | undefined
  /** Who comes in, one after the other. */
  #door: Promise<unknown> = Promise.resolve()
  #changed: () => void = () => {}
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(open: (conversion: string) => Promise<Workbench>) {
    this.#open = open
  }

  /** @throws whatever opening or `work` fails with. */
  async use<Result>(conversion: string, work: (bench: Workbench) => Promise<Result>): Promise<Result> {
    const entered = this.#door.then(() => this.#enter(conversion))
    this.#door = entered.catch(() => {})
    const place = await entered
    try {
      return await work(await place.bench)
    } finally {
      this.#leave(place)
    }
  }

  /** The workbench is not to be used again: something in it is broken, or its conversion is over. */
  async discard(conversion: string): Promise<void> {
    if (this.#place?.conversion === conversion) await this.#clear()
  }

  /** Ends all threads. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#clear()
  }

  async #enter(conversion: string): Promise<Place> {
    clearTimeout(this.#timer)
    const other = this.#place
    if (other !== undefined && other.conversion !== conversion) {
      while (this.#place === other && other.users > 0) await this.#change()
      if (this.#place === other) await this.#clear()
    }
    this.#place ??= this.#begin(conversion)
    this.#place.users++
    return this.#place
  }

  #begin(conversion: string): Place {
    const bench = this.#closed ? Promise.reject(new Error('the worker has ended')) : this.#open(conversion)
    const place = { conversion, bench, users: 0 }
    bench.catch(() => {
      if (this.#place === place) this.#place = undefined
    })
    return place
  }

  #leave(place: Place): void {
    place.users--
    this.#changed()
    if (place.users > 0 || this.#place !== place) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#clear(), idleMilliseconds).unref()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve
    })
  }

  async #clear(): Promise<void> {
    clearTimeout(this.#timer)
    const place = this.#place
    this.#place = undefined
    this.#changed()
    const bench = await place?.bench.catch(() => undefined)
    await bench?.close()
  }
}
