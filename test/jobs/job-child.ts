import { writeSync } from 'node:fs'
import type { ConvertEvent } from '#dist/convert/events.js'
import { openStateDatabase } from '#dist/convert/state/database.js'
import { recoverJobs } from '#dist/jobs/recover-jobs.js'
import { runJob } from '#dist/jobs/run-job.js'
import { settleJob } from '#dist/jobs/settle-job.js'
import { JobStore } from '#dist/jobs/store/job-store.js'

/**
 * A process that starts as a daemon does: takes over what a dead one left, then runs the next job:
 * `job-child.ts STATE-DIRECTORY TENSOR`. It dies of TENSOR as soon as its first slice is handed out; with "" it lives.
 * Every event is a line on standard output.
 */
const [directory = '', deadly = ''] = process.argv.slice(2)
const database = openStateDatabase(directory)
const store = new JobStore(database)
const lease = `process ${process.pid}`

function note(event: ConvertEvent): void {
  const tensor = 'tensor' in event ? event.tensor.name : undefined
  writeSync(1, `${JSON.stringify({ kind: event.kind, tensor })}\n`)
  if (event.kind === 'tensor-begun' && tensor === deadly) process.kill(process.pid, 'SIGKILL')
}

recoverJobs(store, lease)
const job = store.nextQueued()
if (job !== undefined && store.take(job.id, lease)) {
  const stop = new AbortController().signal
  const context = { database, store, version: 'test', threads: 2, maxMemory: 2 ** 30, stop, onEvent: note }
  settleJob(store, job.id, await runJob(store.require(job.id), context), Date.now())
}
database.close()
