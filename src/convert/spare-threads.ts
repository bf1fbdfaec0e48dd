import { Worker } from 'node:worker_threads'

/** Entry of threads that work on files of this machine. */
const localEntry = new URL('./worker.js', import.meta.url)

/**
 * Room for what dies young. V8 takes more of it from release to release, and what comes over the network lies in buffers
 * outside, which only go when it is full: by itself, a thread of Node 26 lets 40 MiB of them lie.
 */
const youngMebibytes = 3

/** Starts a thread, which does nothing before it is given its setup. */
export function startThread(entry = localEntry): Worker {
  return new Worker(entry, { stderr: false, resourceLimits: { maxYoungGenerationSizeMb: youngMebibytes } })
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
