/** Seconds over which the speed is an average: long enough to ride over the pauses between files. */
const windowSeconds = 20

/** Samples closer together than this replace one another. */
const apartSeconds = 0.25

interface Sample {
  readonly at: number
  readonly bytes: number
}

/** How fast a download comes in, from what is there at several moments. Times are seconds on any steady clock. */
export class TransferRate {
  #samples: Sample[] = []

  add(at: number, bytes: number): void {
    const last = this.#samples.at(-1)
    // Less than before: a file has been thrown away and comes again.
    if (last !== undefined && bytes < last.bytes) this.#samples = []
    const [beforeLast, newest] = this.#samples.slice(-2)
    if (newest !== undefined && beforeLast !== undefined && newest.at - beforeLast.at < apartSeconds) {
      this.#samples.pop()
    }
    this.#samples.push({ at, bytes })
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) >= windowSeconds) this.#samples.shift()
  }

  /** 0 until two moments are known. */
  get bytesPerSecond(): number {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined || last.at - first.at < apartSeconds) return 0
    return (last.bytes - first.bytes) / (last.at - first.at)
  }
}
