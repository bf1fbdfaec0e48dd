import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openStateDatabase, type StateDatabase } from '#dist/convert/state/database.js'
import type { NewJob } from '#dist/jobs/job.js'
import { JobStore } from '#dist/jobs/store/job-store.js'

/** A state database in `folder`, closed after the running test. */
export function openDatabase(folder: string): StateDatabase {
  const database = openStateDatabase(folder)
  onTestFinished(() => {
    database.close()
  })
  return database
}

/** Two stores of one database file, each with its own connection, and the clock that they share. */
export function twoStores(folder: string): { stores: [JobStore, JobStore]; clock: { now: number } } {
  const clock = { now: 1_000_000 }
  const open = () => new JobStore(openDatabase(folder), () => clock.now)
  return { stores: [open(), open()], clock }
}

/** A job that a person could have asked for, with an output named `name`. */
export function newJob(name: string, changes: Partial<NewJob> = {}): NewJob {
  return {
    model: join('/models', name),
    output: join('/out', `${name}.gguf`),
    recipe: 'Q4_K_M',
    mix: 'latest',
    options: {},
    origin: 'person',
    ...changes,
  }
}
