import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { withState } from '#dist/convert/state/with-state.js'
import { newestSchema, withStoredJobs } from '#dist/daemon/stored-jobs.js'
import { Database } from '#dist/disk/sqlite.js'
import { JobStore } from '#dist/jobs/store/job-store.js'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const migrations = readdirSync(new URL('../../migrations', import.meta.url)).sort()

test('jobs of the newest schema are seen without a daemon, and those of a later one are refused', async () => {
  const folder = await temporaryFolder()
  expect(withStoredJobs(folder, () => 'something')).toBeUndefined()
  const job = { model: '/m', output: '/m.gguf', recipe: 'Q2_K', mix: 'latest', origin: 'person', options: {} } as const
  const { id } = await withState(folder, async (database) => new JobStore(database).add(job))
  expect(withStoredJobs(folder, (store) => store.require(id).output)).toBe('/m.gguf')
  expect(newestSchema).toBe(Number(migrations.at(-1)?.slice(0, 4)))

  const database = new Database(join(folder, 'mibera.db'))
  database.pragma(`user_version = ${newestSchema + 1}`)
  database.close()
  expect(() => withStoredJobs(folder, () => 0)).toThrow(expect.objectContaining({ code: 'STATE_NEWER' }))
})
