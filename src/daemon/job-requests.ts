import { rm } from 'node:fs/promises'
import { MiberaError } from '../base/errors.ts'
import { pathsBeside } from '../convert/output-paths.ts'
import { refuseWithoutSources } from '../convert/source-reclaimed.ts'
import { findConversion, forgetConversion } from '../convert/state/conversions.ts'
import type { StateDatabase } from '../convert/state/database.ts'
import type { Job } from '../jobs/job.ts'
import type { StopReason } from '../jobs/run-job.ts'
import type { JobState } from '../jobs/states.ts'
import type { JobStore } from '../jobs/store/job-store.ts'
import type { JobAction } from './protocol.ts'

/** Whoever runs jobs, as far as requests about them go. */
export interface Interruptible {
  /** Stops a job that is in work, and returns when it no longer is; at once for any other job. */
  interrupt(id: number, why: StopReason): Promise<void>
}

const noRunner: Interruptible = { interrupt: async () => {} }

const resumable: readonly JobState[] = ['paused', 'waiting']
const retriable: readonly JobState[] = ['failed', 'cancelled', 'waiting']

/** What people ask of jobs: in a daemon, or, where none runs, in the process that holds the state directory. */
export class JobRequests {
  readonly #database: StateDatabase
  readonly #store: JobStore
  readonly #runner: Interruptible

  constructor(database: StateDatabase, store: JobStore, runner: Interruptible = noRunner) {
    this.#database = database
    this.#store = store
    this.#runner = runner
  }

  /**
   * @param part what a cancelled job's part file becomes.
   * @throws MiberaError JOB_UNKNOWN; JOB_STATE when the job is not in a state that allows it; JOB_EXISTS when another
   *   job meanwhile makes the same file; SOURCE_RECLAIMED.
   */
  async act(id: number, action: JobAction, part: 'keep' | 'remove'): Promise<Job> {
    switch (action) {
      case 'pause':
        return this.#stopAs(id, 'paused')
      case 'cancel':
        return this.#cancel(id, part)
      case 'resume':
        return this.#queue(id, resumable, 'resumed', 'Only a paused or waiting job can be; see "mibera jobs retry".')
      case 'retry':
        return this.#queue(id, retriable, 'retried', 'Only a failed, cancelled or waiting job can be.')
    }
  }

  async #cancel(id: number, part: 'keep' | 'remove'): Promise<Job> {
    const { output } = this.#store.require(id)
    if (part === 'remove') await refuseWithoutSources(this.#database, output, 'cannot be given up')
    const job = await this.#stopAs(id, 'cancelled')
    if (part === 'remove') await this.#removePart(output)
    return job
  }

  async #stopAs(id: number, state: 'paused' | 'cancelled'): Promise<Job> {
    await this.#runner.interrupt(id, state)
    const job = this.#store.require(id)
    return job.state === state ? job : this.#store.moveAsAsked(id, state)
  }

  #queue(id: number, from: readonly JobState[], done: string, hint: string): Job {
    const { state } = this.#store.require(id)
    if (from.includes(state)) return this.#store.moveAsAsked(id, 'queued', { attempts: 0 })
    throw new MiberaError('JOB_STATE', `job ${id} is ${state} and cannot be ${done}`, { subject: String(id), hint })
  }

  /** Only what this state directory has bookmarks for: another file of that name is not ours to delete. */
  async #removePart(output: string): Promise<void> {
    const conversion = findConversion(this.#database, output)
    if (conversion === undefined || conversion.state === 'done') return
    // Asked again: a shard may have gone while the job was being stopped.
    await refuseWithoutSources(this.#database, output, 'cannot be given up')
    // In this order: bookmarks of a file that is gone are harmless, a file without bookmarks is a stranger.
    for (const { part } of pathsBeside(output, conversion.files)) await rm(part, { force: true })
    forgetConversion(this.#database, output)
  }
}
