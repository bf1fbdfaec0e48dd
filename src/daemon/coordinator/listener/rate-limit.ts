export interface Rate {
  /** How many may come at once after a rest. */
  readonly burst: number
  readonly perSecond: number
}

interface Bucket {
  left: number
  filled: number
}

/** Names remembered: beyond that the one unheard of for longest is forgotten, which gives it a full bucket again. */
const mostNames = 10_000

/** A token bucket for each name: an address, a worker. */
export class RateLimit {
  readonly #rate: Rate
  readonly #now: () => number
  /** In the order in which they were last used. */
  readonly #buckets = new Map<string, Bucket>()

  /** @param now milliseconds of a clock that never goes back. */
  constructor(rate: Rate, now = () => performance.now()) {
    this.#rate = rate
    this.#now = now
  }

  /** Whether there is room for one more, without taking it. */
  allows(name: string): boolean {
    return this.#level(name) >= 1
  }

  /** Takes one, if there is room. */
  take(name: string): boolean {
    const level = this.#level(name)
    const taken = level >= 1
    this.#buckets.delete(name)
    this.#buckets.set(name, { left: taken ? level - 1 : level, filled: this.#now() })
    if (this.#buckets.size > mostNames) this.#buckets.delete(this.#buckets.keys().next().value ?? name)
    return taken
  }

  #level(name: string): number {
    const { burst, perSecond } = this.#rate
    const bucket = this.#buckets.get(name)
    if (bucket === undefined) return burst
    return Math.min(burst, bucket.left + ((this.#now() - bucket.filled) / 1000) * perSecond)
  }
}
