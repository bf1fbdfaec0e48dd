import type { MessagePort } from 'node:worker_threads'
import { toPortable } from './portable-error.ts'
import type { Job, JobMessage, JobResults, Reply } from './protocol.ts'

/** What a worker thread answers jobs with. */
export type RunJob = (job: Job) => Promise<JobResults[Job['kind']]>

/**
 * Runs each job that comes in and answers it, in whatever order they finish.
 * @param opening when it fails, that is the answer to every job: an error with its code, not the death of the thread.
 */
export function answerJobs(port: MessagePort | null, opening: Promise<RunJob>): void {
  if (port === null) throw new Error('this module is the entry of a worker thread')
  opening.catch(() => {})
  port.on('message', async ({ id, job }: JobMessage) => {
    let reply: Reply
    try {
      reply = { kind: 'done', id, result: await (await opening)(job) }
    } catch (error) {
      reply = { kind: 'failed', id, error: toPortable(error) }
    }
    port.postMessage(reply)
  })
}
