import { join } from 'node:path'
import type { Job } from '#dist/jobs/job.js'
import type { JobOptions } from '#dist/jobs/job-options.js'
import { type JobContext, runJob } from '#dist/jobs/run-job.js'
import { settleJob } from '#dist/jobs/settle-job.js'
import { JobStore } from '#dist/jobs/store/job-store.js'
import { newJob, openDatabase } from './job-stores.ts'
import { smallPre } from './small-model.ts'

export interface JobHarness {
  readonly store: JobStore
  readonly clock: { now: number }
  readonly job: Job
  readonly context: (changes?: Partial<JobContext>) => JobContext
  /** Takes the queued job (or another), runs it and moves it on, as a daemon does. */
  readonly run: (changes?: Partial<JobContext>, id?: number) => Promise<Job>
}

/** One queued job for `model`, its state and output in `folder`. `answers`: what the model leaves open. */
export function jobHarness(
  folder: string,
  model: string,
  options: JobOptions = {},
  answers: JobOptions = { pre: smallPre },
): JobHarness {
  const database = openDatabase(join(folder, 'state'))
  const clock = { now: 1_000_000 }
  const store = new JobStore(database, () => clock.now)
  const job = store.add(
    newJob('small', { model, output: join(folder, 'small.gguf'), options: { ...answers, ...options } }),
  )
  const context = (changes: Partial<JobContext> = {}): JobContext => ({
    database,
    store,
    version: 'test',
    threads: 2,
    maxMemory: 2 ** 30,
    stop: new AbortController().signal,
    ...changes,
  })
  const run = async (changes: Partial<JobContext> = {}, id = job.id) => {
    if (!store.take(id, 'harness')) throw new Error(`job is ${store.require(id).state}`)
    return settleJob(store, id, await runJob(store.require(id), context(changes)), clock.now)
  }
  return { store, clock, job, context, run }
}
