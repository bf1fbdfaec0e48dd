import type { Worker } from 'node:worker_threads'
import { MiberaError } from '../base/errors.ts'
import { fromPortable } from './portable-error.ts'
import type { Job, JobResults, LocalSetup, Reply, ThreadMessage, WorkerSetup } from './protocol.ts'
import { startThread } from './spare-threads.ts'

/**
 * Jobs handed to one thread at a time. While it computes one, another is read, a third written, and the fourth begins
 * to be read the moment the first is computed: a thread hears of new jobs only between two computations, and tells of
 * one that is done a computation after it was.
 */
const jobsInHand = 4
/** Where jobs take longer than `quick` milliseconds: fewer to be finished when a run is stopped, and still no waiting. */
const slowJobsInHand = 2
const quick = 250

interface Pending {
  readonly job: Job
  resolve(result: never): void
  reject(error: unknown): void
}

interface InHand extends Pending {
  readonly since: number
}

interface Thread {
  readonly worker: Worker
  readonly pending: Map<number, InHand>
}

/**
 * Worker threads that run jobs. `run` may be called at any time; jobs beyond what the threads hold wait in order. Once
 * a thread has died, every job fails with WORKER_DIED.
 */
export class WorkerPool<Setup extends WorkerSetup & { readonly sources: readonly unknown[] } = LocalSetup> {
  #setup: Setup
  readonly #newThread: () => Worker
  readonly #most: number
  readonly #threads: Thread[] = []
  /** Taken away by `resize`, with jobs still in hand. */
  readonly #retiring = new Set<Thread>()
  readonly #waiting: Pending[] = []
  #nextId = 0
  #dead: MiberaError | undefined
  #perThread = slowJobsInHand

  /**
   * @param most threads that there will ever be; all of them start at once.
   * @param newThread gives a thread that waits for its setup.
   */
  constructor(most: number, setup: Setup, newThread: () => Worker = () => startThread()) {
    this.#setup = setup
    this.#newThread = newThread
    this.#most = most
    this.resize(most)
  }

  /** Jobs that can be in the threads' hands at once; handing in more gains nothing. Follows how long jobs take. */
  get capacity(): number {
    return this.#most * this.#perThread
  }

  /** Changes how many threads work, from 1 to the most. One that is taken away first finishes what it has in hand. */
  resize(threads: number): void {
    if (this.#dead !== undefined) return
    const wanted = Math.max(1, Math.min(threads, this.#most))
    while (this.#threads.length < wanted) this.#threads.push(this.#startThread())
    for (const thread of this.#threads.splice(wanted)) {
      this.#retiring.add(thread)
      this.#releaseIfIdle(thread)
    }
    this.#handOut()
  }

  run<J extends Job>(job: J): Promise<JobResults[J['kind']]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject })
      this.#handOut()
    })
  }

  /** Closes a source in every thread, those to come included. No job that is waiting or in hand may need it. */
  async releaseSource(source: number): Promise<void> {
    if (this.#dead !== undefined) throw this.#dead
    this.#setup = { ...this.#setup, sources: this.#setup.sources.map((path, i) => (i === source ? undefined : path)) }
    const job = { kind: 'release', source } as const
    // One that was taken away and is idle is ending, and its files with it: it would never answer.
    const living = this.#all().filter((thread) => !this.#retiring.has(thread) || thread.pending.size > 0)
    await Promise.all(
      living.map((thread) => new Promise((resolve, reject) => this.#give(thread, { job, resolve, reject }))),
    )
  }

  /** Ends all threads. Jobs still in hand fail. Safe to call twice. */
  async close(): Promise<void> {
    this.#dead ??= new MiberaError('INTERNAL', 'the worker threads were stopped')
    await Promise.all(this.#all().map(({ worker }) => worker.terminate()))
    this.#failAll(this.#dead)
  }

  #all(): Thread[] {
    return [...this.#threads, ...this.#retiring]
  }

  #startThread(): Thread {
    const worker = this.#newThread()
    const thread: Thread = { worker, pending: new Map() }
    worker.on('message', (reply: Reply) => this.#settle(thread, reply))
    worker.on('error', (cause) => this.#die(cause))
    worker.on('exit', (status) => {
      const released = this.#retiring.delete(thread) && thread.pending.size === 0
      if (!released) this.#die(new Error(`exit status ${status}`))
    })
    const message: ThreadMessage<Setup> = { kind: 'setup', setup: this.#setup }
    worker.postMessage(message)
    return thread
  }

  #releaseIfIdle(thread: Thread): void {
    if (this.#retiring.has(thread) && thread.pending.size === 0) void thread.worker.terminate()
  }

  #handOut(): void {
    if (this.#dead !== undefined) this.#failAll(this.#dead)
    while (this.#waiting.length > 0) {
      const thread = this.#threads.reduce((least, other) => (other.pending.size < least.pending.size ? other : least))
      if (thread.pending.size >= this.#perThread) return
      this.#give(thread, this.#waiting.shift() as Pending)
    }
  }

  #give(thread: Thread, pending: Pending): void {
    const message: ThreadMessage<Setup> & { kind: 'job' } = { kind: 'job', id: this.#nextId++, job: pending.job }
    thread.pending.set(message.id, { ...pending, since: performance.now() })
    thread.worker.postMessage(message)
  }

  #settle(thread: Thread, reply: Reply): void {
    const pending = thread.pending.get(reply.id)
    if (pending === undefined) return
    thread.pending.delete(reply.id)
    // All that a thread has in hand share its time.
    const milliseconds = (performance.now() - pending.since) / (thread.pending.size + 1)
    this.#perThread = milliseconds < quick ? jobsInHand : slowJobsInHand
    if (reply.kind === 'done') pending.resolve(reply.result as never)
    else pending.reject(fromPortable(reply.error))
    this.#releaseIfIdle(thread)
    this.#handOut()
  }

  #die(cause: unknown): void {
    if (this.#dead !== undefined) return
    this.#dead = new MiberaError('WORKER_DIED', `a worker thread ended unexpectedly: ${(cause as Error).message}`, {
      hint: 'Run the same command again: it goes on where it stopped. With little memory, try --threads 1.',
      cause,
    })
    this.#failAll(this.#dead)
  }

  #failAll(error: MiberaError): void {
    const pending = [...this.#all().flatMap((thread) => [...thread.pending.values()]), ...this.#waiting]
    for (const thread of this.#all()) thread.pending.clear()
    this.#waiting.length = 0
    for (const { reject } of pending) reject(error)
  }
}
