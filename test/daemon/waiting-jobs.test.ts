import { join } from 'node:path'
import { expect, test } from 'vitest'
import { wakeWaitingJobs } from '#dist/daemon/waiting-jobs.js'
import type { MoveChange } from '#dist/jobs/store/job-store.js'
import { JobStore } from '#dist/jobs/store/job-store.js'
import { newJob, openDatabase } from '../helpers/job-stores.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const now = 1_000_000

async function storeWith(...changes: MoveChange[]) {
  const folder = await temporaryFolder()
  const store = new JobStore(openDatabase(join(folder, 'state')), () => now)
  const ids = changes.map((change, index) => {
    const { id } = store.add(newJob(`job ${index}`))
    store.move(id, 'queued', 'waiting', change)
    return id
  })
  return { store, states: () => ids.map((id) => store.require(id).state) }
}

test('a job waits until its time, and is looked at again when that has come', async () => {
  const { store, states } = await storeWith({ notBefore: now + 700 }, { notBefore: now })
  expect(await wakeWaitingJobs(store, now)).toBe(700)
  expect(states()).toEqual(['waiting', 'queued'])
  expect(await wakeWaitingJobs(store, now + 700)).toBe(Number.POSITIVE_INFINITY)
  expect(states()).toEqual(['queued', 'queued'])
})

test('a job waits until its disk has room; one folder is asked about once', async () => {
  const { store, states } = await storeWith({ needsDisk: 5000 }, { needsDisk: 3000 })
  const asked: string[] = []
  const next = await wakeWaitingJobs(store, now, async (path) => {
    asked.push(path)
    return 4000
  })
  expect(states()).toEqual(['waiting', 'queued'])
  expect(Number.isFinite(next)).toBe(true)
  expect(asked).toHaveLength(1)
  await wakeWaitingJobs(store, now, async () => 5000)
  expect(states()).toEqual(['queued', 'queued'])
})

test('a drive that is gone is no reason to begin', async () => {
  const { store, states } = await storeWith({ needsDisk: 0 })
  await wakeWaitingJobs(store, now, () => Promise.reject(new Error('no such drive')))
  expect(states()).toEqual(['waiting'])
})
