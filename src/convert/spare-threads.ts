import { type ResourceLimits, Worker } from 'node:worker_threads'

/** Entry of threads that work on files of this machine. */
const localEntry = new URL('./worker.js', import.meta.url)

/** Starts a thread, which does nothing before it is given its setup. */
export function startThread(entry = localEntry, resourceLimits: ResourceLimits = {}): Worker {
  return new Worker(entry, { stderr: false, resourceLimits })
}

/**
 * Threads for a conversion that is not planned yet: they load their modules while the main thread still finds out what
 * is to be done. A process with nothing else to do does not wait for them.
 */
export class SpareThreads {
  readonly #workers = new Set<Worker>()

  constructor(count: number) {
    while (this.#workers.size < count) {
      const worker = startThread()
      worker.unref()
      // One that dies early is none: whoever takes threads gets the others.
      worker.on('error', () => {})
      worker.on('exit', () => this.#workers.delete(worker))
      this.#workers.add(worker)
    }
  }

  /** A thread that is the caller's from then on; `undefined` when none is left. */
  take(): Worker | undefined {
    for (const worker of this.#workers) {
      this.#workers.delete(worker)
      worker.ref()
      return worker
    }
    return undefined
  }

  /** Ends those that nobody took. */
  close(): void {
    for (const worker of this.#workers) void worker.terminate()
  }
}
