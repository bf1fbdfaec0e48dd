import { parentPort, workerData } from 'node:worker_threads'
import { toPortable } from './portable-error.ts'
import type { JobMessage, Reply, WorkerSetup } from './protocol.ts'
import { SliceRunner } from './slice-runner.ts'

/** Entry of a worker thread: runs each job that comes in and answers it, in whatever order they finish. */
const port = parentPort
if (port === null) throw new Error('this module is the entry of a worker thread')

const runner = SliceRunner.open(workerData as WorkerSetup)
// Told as the answer to every job: an error with its code, not the death of the thread.
runner.catch(() => {})

port.on('message', async ({ id, job }: JobMessage) => {
  let reply: Reply
  try {
    reply = { kind: 'done', id, result: await (await runner).run(job) }
  } catch (error) {
    reply = { kind: 'failed', id, error: toPortable(error) }
  }
  port.postMessage(reply)
})
