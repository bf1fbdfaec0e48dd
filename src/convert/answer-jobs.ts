import type { MessagePort } from 'node:worker_threads'
import { toPortable } from './portable-error.ts'
import type { Job, JobResults, Reply, ThreadMessage } from './protocol.ts'

/** What a worker thread answers jobs with. */
export type RunJob = (job: Job) => Promise<JobResults[Job['kind']]>

/**
 * Runs each job that comes in and answers it, in whatever order they finish.
 * @param open is called with the setup, which comes before all jobs. When it fails, that is the answer to every job: an
 *   error with its code, not the death of the thread.
 */
export function answerJobs<Setup>(port: MessagePort | null, open: (setup: Setup) => Promise<RunJob>): void {
  if (port === null) throw new Error('this module is the entry of a worker thread')
  let opening: Promise<RunJob> = Promise.reject(new Error('a job came before the setup'))
  opening.catch(() => {})
  port.on('message', async (message: ThreadMessage<Setup>) => {
    if (message.kind === 'setup') {
      opening = open(message.setup)
      opening.catch(() => {})
      return
    }
    const { id, job } = message
    let reply: Reply
    try {
      reply = { kind: 'done', id, result: await (await opening)(job) }
    } catch (error) {
      reply = { kind: 'failed', id, error: toPortable(error) }
    }
    port.postMessage(reply)
  })
}
