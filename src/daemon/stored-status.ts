import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { MiberaError } from '../base/errors.ts'
import { databaseFileName } from '../convert/state/database.ts'
import { explainStateError } from '../convert/state/explain-state-error.ts'
import { JobStore } from '../jobs/store/job-store.ts'

/** The schema that has jobs, and the one that this release reads. */
const jobsSchema = 2

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
      if (schema < jobsSchema) return undefined
      if (schema > jobsSchema) throw newer(path, schema)
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
    `the bookmarks ${path} have schema ${schema}, this release knows ${jobsSchema}`,
    {
      subject: path,
      hint: 'Update mibera, or name another --state-dir.',
    },
  )
}
