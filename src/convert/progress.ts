import { PlanCost } from '../plan/cost.ts'
import type { Plan } from '../plan/plan.ts'
import type { ConvertEvent } from './events.ts'

export interface ProgressSnapshot {
  /** Share of the expected work that is done, 0 to 1, earlier runs included. */
  readonly fraction: number
  /** Bytes of blocks made, earlier runs included, and of all blocks. */
  readonly doneBytes: number
  readonly totalBytes: number
  /** Over the last half minute. */
  readonly weightsPerSecond: number
  /** NaN until there is something to judge by. */
  readonly secondsLeft: number
}

/** Speed is judged over this long, so that the estimate follows a machine that slows down. */
const windowSeconds = 30

interface Sample {
  readonly seconds: number
  readonly cost: number
  readonly weights: number
}

/**
 * How far a conversion is, and how long it will take: work is weighted by what each type costs, so that the estimate
 * does not jump between cheap and dear tensors. Time is given by the caller, in seconds of any steady clock.
 */
export class Progress {
  readonly #costs: PlanCost
  readonly #totalBytes: number
  readonly #samples: Sample[] = []
  #cost = 0
  #bytes = 0
  #weights = 0

  constructor(plan: Plan) {
    this.#costs = new PlanCost(plan)
    this.#totalBytes = plan.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  /** Takes note of an event that happened at `seconds`. */
  record(event: ConvertEvent, seconds: number): void {
    if (event.kind === 'begun') {
      this.#cost = event.doneCost
      this.#bytes = event.doneBytes
      this.#samples.push({ seconds, cost: this.#cost, weights: 0 })
    }
    if (event.kind !== 'slice' && event.kind !== 'retaken') return
    const sign = event.kind === 'slice' ? 1 : -1
    this.#cost += sign * this.#costs.of(event.tensor, event.weights)
    this.#bytes += sign * event.byteLength
    this.#weights += sign * event.weights
    this.#samples.push({ seconds, cost: this.#cost, weights: this.#weights })
    while (this.#samples.length > 2 && (this.#samples[1]?.seconds ?? seconds) < seconds - windowSeconds)
      this.#samples.shift()
  }

  /** @param now where a standstill is to show, too: work that is left to others may wait for them for hours. */
  snapshot(now = 0): ProgressSnapshot {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    const seconds =
      first === undefined || last === undefined ? 0 : Math.max(last.seconds, now - windowSeconds) - first.seconds
    const perSecond = (done: (sample: Sample) => number) =>
      first === undefined || last === undefined || seconds <= 0 ? Number.NaN : (done(last) - done(first)) / seconds
    const left = this.#costs.total - this.#cost
    return {
      fraction: Math.min(1, this.#cost / this.#costs.total),
      doneBytes: this.#bytes,
      totalBytes: this.#totalBytes,
      weightsPerSecond: perSecond(({ weights }) => weights),
      secondsLeft: left <= 0 ? 0 : left / perSecond(({ cost }) => cost),
    }
  }
}
