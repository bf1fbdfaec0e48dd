import type { MiberaError } from '../base/errors.ts'
import type { TroubleTopic, WorkerListener } from './events.ts'

/** A failure of jobs by the same cause is told again after this long (ms). */
const againMilliseconds = 60_000

/** Passes troubles on, each once: a machine that is away for an hour is not told of at every attempt to reach it. */
export class Troubles {
  readonly #tell: WorkerListener
  readonly #present = new Map<TroubleTopic, string>()
  /** By code: when it was told, and how often it came since. */
  readonly #failures = new Map<string, { time: number; since: number }>()

  constructor(tell: WorkerListener) {
    this.#tell = tell
  }

  has(topic: TroubleTopic): boolean {
    return this.#present.has(topic)
  }

  trouble(topic: TroubleTopic, error: MiberaError): void {
    if (this.#present.get(topic) === error.code) return
    this.#present.set(topic, error.code)
    this.#tell({ kind: 'trouble', topic, error })
  }

  over(topic: TroubleTopic): void {
    if (this.#present.delete(topic)) this.#tell({ kind: 'trouble-over', topic })
  }

  jobFailed(error: MiberaError, now: number): void {
    const known = this.#failures.get(error.code)
    if (known !== undefined && now - known.time < againMilliseconds) {
      known.since++
      return
    }
    this.#failures.set(error.code, { time: now, since: 0 })
    this.#tell({ kind: 'job-failed', error, before: known?.since ?? 0 })
  }
}
