import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { MiberaError } from '../base/errors.ts'
import { databaseFileName } from '../convert/state/database.ts'
import { explainStateError } from '../convert/state/explain-state-error.ts'
import { withState } from '../convert/state/with-state.ts'
import { Database } from '../disk/sqlite.ts'
import type { Job } from '../jobs/job.ts'
import { recoverJobs } from '../jobs/recover-jobs.ts'
import { JobStore } from '../jobs/store/job-store.ts'
import { JobRequests } from './job-requests.ts'
import type { JobAction, Status } from './protocol.ts'

/** The first schema that has jobs, and the newest: what is only looked at is the same in all between. */
const firstSchema = 2
export const newestSchema = 5

/**
 * Looks at the jobs of a state directory without taking it: for when no daemon runs. Changes nothing, and works while
 * another process converts there. `undefined` where no job was ever made.
 * @throws MiberaError STATE_NEWER, STATE_DAMAGED or IO; and whatever `look` throws.
 */
export function withStoredJobs<T>(stateDirectory: string, look: (store: JobStore) => T): T | undefined {
  const path = join(stateDirectory, databaseFileName)
  if (!existsSync(path)) return undefined
  try {
    const database = new Database(path, { readonly: true, timeout: 2000 })
    try {
      const schema = Number(database.pragma('user_version', { simple: true }))
      if (schema < firstSchema) return undefined
      if (schema > newestSchema) throw newer(path, schema)
      return look(new JobStore(database))
    } finally {
      database.close()
    }
  } catch (error) {
    throw explainStateError(error, path)
  }
}

function newer(path: string, schema: number): MiberaError {
  return new MiberaError(
    'STATE_NEWER',
    `the bookmarks ${path} have schema ${schema}, this release knows ${newestSchema}`,
    {
      subject: path,
      hint: 'Update mibera, or name another --state-dir.',
    },
  )
}

/** The status of a state directory where no job was ever made. */
export function noJobs(now: number): Status {
  const counts = { waiting: 0, queued: 0, running: 0, verifying: 0, paused: 0, done: 0, failed: 0, cancelled: 0 }
  return { api: 1, at: now, daemon: null, counts, jobs: [], folders: [], workers: [] }
}

/**
 * Does what a person asks of a job where no daemon runs: takes the state directory for that long.
 * @throws MiberaError STATE_IN_USE and others of openState; JOB_UNKNOWN, JOB_STATE, JOB_EXISTS.
 */
export async function actOnStoredJob(
  stateDirectory: string,
  id: number,
  action: JobAction,
  part: 'keep' | 'remove',
): Promise<Job> {
  return withState(stateDirectory, async (database) => {
    const store = new JobStore(database)
    // What is in work without a daemon was left by one that died.
    recoverJobs(store, `process ${process.pid}`)
    return new JobRequests(database, store).act(id, action, part)
  })
}
