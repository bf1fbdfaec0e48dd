/** Speed is judged over this long. */
const windowMilliseconds = 10_000

interface Sample {
  readonly time: number
  readonly weights: number
}

/** Weights finished lately. Times are in milliseconds of any steady clock. */
export class Throughput {
  readonly #samples: Sample[] = []
  readonly #begun: number

  constructor(now: number) {
    this.#begun = now
  }

  add(weights: number, now: number): void {
    this.#samples.push({ time: now, weights })
    this.#forget(now)
  }

  /** 0 when nothing was finished in the last ten seconds. */
  perSecond(now: number): number {
    this.#forget(now)
    const weights = this.#samples.reduce((sum, sample) => sum + sample.weights, 0)
    const span = Math.min(windowMilliseconds, now - this.#begun)
    return span > 0 ? (weights * 1000) / span : 0
  }

  #forget(now: number): void {
    while ((this.#samples[0]?.time ?? now) < now - windowMilliseconds) this.#samples.shift()
  }
}
