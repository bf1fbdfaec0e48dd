import { setTimeout as delay } from 'node:timers/promises'
import type { StateDatabase } from '../convert/state/database.ts'
import { explainStateError } from '../convert/state/explain-state-error.ts'
import type { ThreadLimit } from '../convert/thread-limit.ts'
import type { Job } from '../jobs/job.ts'
import { toMiberaError } from '../jobs/reason.ts'
import { recoverJobs } from '../jobs/recover-jobs.ts'
import type { JobContext, JobOutcome, StopReason } from '../jobs/run-job.ts'
import { settleJob } from '../jobs/settle-job.ts'
import { type JobStore, leaseMilliseconds } from '../jobs/store/job-store.ts'
import { LiveConversion } from './live-conversion.ts'
import type { Log } from './log.ts'
import type { LiveJob } from './status.ts'
import { wakeWaitingJobs } from './waiting-jobs.ts'

export interface SupervisorOptions {
  readonly database: StateDatabase
  readonly store: JobStore
  /** Names this process in leases. */
  readonly lease: string
  readonly version: string
  readonly threads: number
  readonly threadLimit: ThreadLimit
  /** Has other machines take part. */
  readonly elsewhere?: JobContext['elsewhere']
  readonly maxMemory: number
  readonly log: Log
  readonly run: (job: Job, context: JobContext) => Promise<JobOutcome>
}

/** A record that cannot be written, on a full disk say, is tried again this often. */
const recordMilliseconds = 2000
/** However long nothing is due, one looks at the clock: the machine may have slept. */
const longestRest = 60_000

interface Work {
  readonly id: number
  readonly stop: AbortController
  readonly live: LiveConversion
  /** When the job has left its states of work. */
  readonly ended: Promise<void>
}

/**
 * Runs jobs one after the other, each with all threads and all of the memory budget: highest priority first, then the
 * oldest. Waiting jobs are put in line again when their time or their disk has come.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #work: Work | undefined
  #wake: () => void = () => {}
  #woken = false

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  /** Takes over what a process that died left in work, and begins. */
  start(): void {
    if (this.#loop !== undefined || this.#stopping.signal.aborted) return
    const { store, lease, log } = this.#options
    const { queued, failed } = recoverJobs(store, lease)
    for (const { id } of queued) log.info({ job: id }, `job ${id} was interrupted by a death and goes on`)
    for (const { id, reason } of failed) log.error({ job: id, reason }, `job ${id} failed: ${reason?.message}`)
    this.#loop = this.#takeTurns()
  }

  /** Ends the job in work at the next safe point, all finished slices bookmarked. Safe to call twice, and before start. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#work?.stop.abort('shutdown' satisfies StopReason)
    this.look()
    await this.#loop
  }

  /** The process is about to end before {@link stop} has: the tensors in work are not what it dies of. */
  excuse(): void {
    if (this.#work !== undefined) this.#options.store.tensorsStopped(this.#work.id)
  }

  /** Something may have come to do. */
  look(): void {
    this.#woken = true
    this.#wake()
  }

  findLive(id: number): LiveJob | undefined {
    return this.#work?.id === id ? this.#work.live.view(performance.now() / 1000) : undefined
  }

  /** Stops a job that is in work, and returns when it no longer is; at once for any other job. */
  async interrupt(id: number, why: StopReason): Promise<void> {
    if (this.#work?.id !== id) return
    this.#work.stop.abort(why)
    await this.#work.ended
  }

  async #takeTurns(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#woken = false
      const rest = await this.#turn().catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'the jobs could not be looked at')
        return recordMilliseconds
      })
      if (rest > 0) await this.#rest(rest)
    }
  }

  /** Runs the next job to its end. Returns for how long there is nothing to do. */
  async #turn(): Promise<number> {
    const { store, lease } = this.#options
    const rest = await wakeWaitingJobs(store, Date.now())
    const job = store.nextQueued()
    if (job === undefined || this.#stopping.signal.aborted) return rest
    if (store.take(job.id, lease)) await this.#workOn(job)
    return 0
  }

  async #rest(milliseconds: number): Promise<void> {
    if (this.#woken || this.#stopping.signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(milliseconds, longestRest))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async #workOn(job: Job): Promise<void> {
    const { threads, threadLimit, log } = this.#options
    const { id, model, output, recipe } = job
    log.info({ job: id, model, output, recipe }, `job ${id} begins: ${output}`)
    const stop = new AbortController()
    const live = new LiveConversion(() => Math.min(threads, threadLimit.threads))
    this.#work = { id, stop, live, ended: this.#carryOut(job, stop.signal, live) }
    try {
      await this.#work.ended
    } finally {
      this.#work = undefined
    }
  }

  async #carryOut(job: Job, stop: AbortSignal, live: LiveConversion): Promise<void> {
    const renewal = setInterval(() => this.#renew(job.id), leaseMilliseconds / 3)
    try {
      await this.#settle(job.id, await this.#outcome(job, stop, live))
      this.#options.store.prune()
    } finally {
      clearInterval(renewal)
    }
  }

  async #outcome(job: Job, stop: AbortSignal, live: LiveConversion): Promise<JobOutcome> {
    const { database, store, version, threads, threadLimit, elsewhere, maxMemory, run } = this.#options
    try {
      return await run(job, {
        ...{ database, store, version, threads, threadLimit, maxMemory, stop },
        ...(elsewhere === undefined ? {} : { elsewhere }),
        onPlan: (plan) => live.plan(plan),
        onEvent: (event) => live.note(event, performance.now() / 1000),
      })
    } catch (thrown) {
      // The record of the run could not be written: the state directory's disk is full, or gone.
      const error = toMiberaError(explainStateError(thrown, database.name))
      return { kind: 'failed', error, needsDisk: undefined, gotAhead: false }
    }
  }

  /** Records what came of a run, as soon as that is possible. */
  async #settle(id: number, outcome: JobOutcome): Promise<void> {
    const { store, log } = this.#options
    for (;;) {
      try {
        store.tensorsStopped(id)
        tell(log, settleJob(store, id, outcome, Date.now()), outcome)
        return
      } catch (error) {
        log.error({ job: id, err: error }, `what came of job ${id} cannot be recorded`)
        // Whoever starts next finds the job in work without an owner, and goes on with it.
        if (this.#stopping.signal.aborted) return
        await delay(recordMilliseconds, undefined, { signal: this.#stopping.signal }).catch(() => {})
      }
    }
  }

  #renew(id: number): void {
    try {
      this.#options.store.renewLease(id)
    } catch (error) {
      // On a full disk the lease may run out; this process holds the state directory, so nobody takes the job.
      this.#options.log.warn({ job: id, err: error }, `the lease of job ${id} cannot be renewed`)
    }
  }
}

function tell(log: Log, { id, state, reason, output }: Job, outcome: JobOutcome): void {
  if (state === 'done') log.info({ job: id, output }, `job ${id} is done: ${output}`)
  else if (outcome.kind === 'failed') {
    log[state === 'failed' ? 'error' : 'warn'](
      { job: id, reason, err: outcome.error },
      `job ${id} ${state}: ${reason?.message}`,
    )
  } else log.info({ job: id }, `job ${id} was stopped and is ${state}`)
}
