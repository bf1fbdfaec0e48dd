import type { ConvertEvent } from '../convert/events.ts'
import { Progress } from '../convert/progress.ts'
import type { Plan } from '../plan/plan.ts'
import type { LiveView } from './protocol.ts'
import type { LiveJob } from './status.ts'

/** What a job in work is doing at this moment, kept up to date from its events. */
export class LiveConversion {
  readonly #threads: () => number
  #plan: Plan | undefined
  #progress: Progress | undefined
  #phase: LiveView['phase'] = 'opening'
  #tensor: LiveView['tensor'] = null
  /** Output bytes per weight, over the whole plan. */
  #bytesPerWeight = 0

  /** @param threads how many conversions may use now. */
  constructor(threads: () => number) {
    this.#threads = threads
  }

  plan(plan: Plan): void {
    this.#plan = plan
    this.#progress = new Progress(plan)
    const weights = plan.tensors.reduce((sum, { rows, columns }) => sum + rows * columns, 0)
    this.#bytesPerWeight = plan.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0) / weights
  }

  /** @param seconds of any steady clock. */
  note(event: ConvertEvent, seconds: number): void {
    this.#progress?.record(event, seconds)
    if (event.kind === 'checking') this.#phase = 'checking'
    if (event.kind === 'begun') this.#phase = 'converting'
    if (event.kind === 'reading-back') this.#phase = 'reading-back'
    if (event.kind === 'publishing') this.#phase = 'publishing'
    if (event.kind === 'tensor-begun') {
      const { name, type } = event.tensor
      this.#tensor = { name, type, position: event.index + 1, count: this.#plan?.tensors.length ?? 0 }
    }
    if (event.kind === 'reading-back') this.#tensor = null
  }

  /** @param seconds of the same clock. */
  view(seconds: number): LiveJob {
    const snapshot = this.#progress?.snapshot(seconds)
    const speed = this.#phase === 'converting' ? finite(snapshot?.weightsPerSecond) : null
    return {
      phase: this.#phase,
      threads: this.#threads(),
      weightsPerSecond: speed,
      bytesPerSecond: speed === null ? null : speed * this.#bytesPerWeight,
      secondsLeft: this.#phase === 'converting' ? finite(snapshot?.secondsLeft) : null,
      tensor: this.#tensor,
      fraction: snapshot?.fraction ?? 0,
      doneBytes: snapshot?.doneBytes ?? 0,
    }
  }
}

function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value
}
