import { expect, test } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import { findConversion } from '#dist/convert/state/conversions.js'
import { JobStore, leaseMilliseconds } from '#dist/jobs/store/job-store.js'
import { newJob, openDatabase, twoStores } from '../../helpers/job-stores.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

async function oneStore() {
  const database = openDatabase(await temporaryFolder())
  const clock = { now: 5000 }
  return { database, clock, store: new JobStore(database, () => clock.now) }
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work()
  } catch (error) {
    return error instanceof MiberaError ? error.code : String(error)
  }
  return undefined
}

test('a job comes back as it was added', async () => {
  const { store } = await oneStore()
  const options = { family: 'phi-fused', overrides: { heads: '40' }, reclaimSource: true }
  const asked = newJob('ü model', { options, origin: 'watcher', content: 'abc', priority: 3 })
  const job = store.add(asked)
  expect(job).toMatchObject({ ...asked, state: 'queued', attempts: 0, created: 5000 })
  expect(job.reason).toBeUndefined()
  expect(job.started).toBeUndefined()
  expect(store.get(job.id)).toEqual(job)
  expect(store.get(99)).toBeUndefined()
  expect(codeOf(() => store.require(99))).toBe('JOB_UNKNOWN')
})

test('turns go by priority, then by age', async () => {
  const { store } = await oneStore()
  for (const [name, priority] of [
    ['a', 0],
    ['b', 5],
    ['c', 5],
    ['d', -1],
  ] as const)
    store.add(newJob(name, { priority }))
  const order: string[] = []
  for (let next = store.nextQueued(); next !== undefined; next = store.nextQueued()) {
    order.push(next.output.replaceAll(/.*[\\/]|\.gguf/g, ''))
    expect(store.take(next.id, 'me')).toBe(true)
  }
  expect(order).toEqual(['b', 'c', 'a', 'd'])
  expect(store.counts()).toMatchObject({ running: 4, queued: 0, failed: 0 })
  expect(store.list({ states: ['running'], limit: 2 }).map(({ id }) => id)).toEqual([4, 3])
})

test('a move sets what belongs to the new state and clears what belonged to the old', async () => {
  const { store, clock } = await oneStore()
  const { id } = store.add(newJob('a'))
  store.take(id, 'me')
  const reason = { code: 'DISK_TOO_SMALL' as const, message: 'needs 5 GB, 2 GB are free', hint: 'Free some space.' }
  expect(store.move(id, 'running', 'waiting', { reason, notBefore: 9000, needsDisk: 5e9, attempts: 2 })).toBe(true)
  expect(store.get(id)).toMatchObject({ state: 'waiting', reason, notBefore: 9000, needsDisk: 5e9, attempts: 2 })
  clock.now = 9000
  expect(store.move(id, ['waiting', 'paused'], 'queued')).toBe(true)
  expect(store.get(id)).toMatchObject({ state: 'queued', notBefore: 0, attempts: 2, started: 5000 })
  expect(store.get(id)).toMatchObject({ reason: undefined, needsDisk: undefined, ended: undefined })
  store.move(id, 'queued', 'cancelled')
  expect(store.get(id)).toMatchObject({ state: 'cancelled', ended: 9000 })
})

test('a person is told why a move is refused', async () => {
  const { store } = await oneStore()
  const { id } = store.add(newJob('a'))
  expect(store.moveAsAsked(id, 'paused').state).toBe('paused')
  expect(codeOf(() => store.moveAsAsked(id, 'paused'))).toBe('JOB_STATE')
  expect(store.moveAsAsked(id, 'cancelled').state).toBe('cancelled')
  store.add(newJob('a'))
  expect(codeOf(() => store.moveAsAsked(id, 'queued'))).toBe('JOB_EXISTS')
  expect(store.require(id).state).toBe('cancelled')
  expect(codeOf(() => store.moveAsAsked(77, 'queued'))).toBe('JOB_UNKNOWN')
})

test('one output has one open job; an ended one makes room', async () => {
  const { store } = await oneStore()
  const { id } = store.add(newJob('a'))
  expect(codeOf(() => store.add(newJob('a', { recipe: 'Q2_K' })))).toBe('JOB_EXISTS')
  store.move(id, 'queued', 'cancelled')
  expect(store.add(newJob('a')).id).not.toBe(id)
})

test('content is known for the recipe it was converted with, whatever became of the job', async () => {
  const { store } = await oneStore()
  const { id } = store.add(newJob('a', { content: 'digest' }))
  store.move(id, 'queued', 'cancelled')
  expect(store.hasContent('digest', 'Q4_K_M')).toBe(true)
  expect(store.hasContent('digest', 'Q2_K')).toBe(false)
  expect(store.hasContent('other', 'Q4_K_M')).toBe(false)
})

test('whoever lost a job cannot change it any more', async () => {
  const { stores, clock } = twoStores(await temporaryFolder())
  const [old, young] = stores
  const { id } = old.add(newJob('a'))
  expect(old.take(id, 'old process')).toBe(true)
  expect(young.take(id, 'young process')).toBe(false)
  expect(young.saveProgress(id, { doneWeights: 1, totalWeights: 2, doneBytes: 3, totalBytes: 4 })).toBe(false)
  expect(old.recover('old process')).toEqual([])
  clock.now += leaseMilliseconds - 1
  expect(old.renewLease(id)).toBe(true)
  clock.now += leaseMilliseconds - 1
  expect(old.recover('old process')).toEqual([])

  expect(young.recover('young process').map(({ job }) => [job.id, job.state])).toEqual([[id, 'queued']])
  expect(old.renewLease(id)).toBe(false)
  expect(old.move(id, 'running', 'failed')).toBe(false)
  expect(young.take(id, 'young process')).toBe(true)
  expect(old.move(id, 'running', 'failed')).toBe(false)
  expect(old.saveProgress(id, { doneWeights: 1, totalWeights: 2, doneBytes: 3, totalBytes: 4 })).toBe(false)
  expect(young.get(id)?.doneWeights).toBe(0)
  expect(young.move(id, 'running', 'verifying')).toBe(true)
})

test('every change leaves its event, in order', async () => {
  const { store, clock } = await oneStore()
  const { id } = store.add(newJob('a'))
  const other = store.add(newJob('b')).id
  clock.now = 6000
  store.take(id, 'me')
  store.addEvent(id, 'discarded', { slices: 4 })
  store.recover('somebody else')
  const told = store.events({ job: id, limit: 10 }).map(({ kind, at, detail }) => [kind, at, detail])
  expect(told).toEqual([
    ['added', 5000, { model: newJob('a').model, output: newJob('a').output, recipe: 'Q4_K_M' }],
    ['moved', 6000, { from: 'queued', to: 'running' }],
    ['discarded', 6000, { slices: 4 }],
    ['recovered', 6000, { inFlight: [] }],
    ['moved', 6000, { from: 'running', to: 'queued' }],
  ])
  const all = store.events({ limit: 10 })
  expect(all.map(({ job }) => job)).toEqual([id, other, id, id, id, id])
  expect(store.events({ after: all[3]?.id as number, limit: 1 })).toEqual([all[4]])
})

test('a tensor is done when its slices are bookmarked, and not before', async () => {
  const { store, database } = await oneStore()
  const { id, output } = store.add(newJob('a'))
  const bookmark = bookmarks(database, output)
  store.tensorStarted(id, { tensor: 7, name: 'output.weight', slices: 2, elsewhere: false })
  bookmark(7, 0)
  store.tensorsDone(id)
  expect(store.tensors(id)).toMatchObject([{ tensor: 7, state: 'running', ended: null }])
  bookmark(7, 1)
  store.tensorsDone(id)
  expect(store.tensors(id)).toMatchObject([{ tensor: 7, state: 'done', ended: 5000 }])
  database.exec('DELETE FROM bookmark WHERE slice = 0')
  store.tensorsUndone(id)
  expect(store.tensors(id)).toMatchObject([{ tensor: 7, state: 'stopped', ended: null }])
})

test('deaths count against the tensors in work, and begin anew when one of them gets ahead', async () => {
  const { store, database } = await oneStore()
  const { id, output } = store.add(newJob('a'))
  const bookmark = bookmarks(database, output)
  const die = (...tensors: number[]) => {
    store.take(id, 'me')
    for (const tensor of tensors)
      store.tensorStarted(id, { tensor, name: `tensor ${tensor}`, slices: 9, elsewhere: false })
    const inFlight = store.recover('another')[0]?.inFlight ?? []
    return inFlight.map(({ tensor, deaths }) => [tensor, deaths])
  }
  expect(die(1, 2)).toEqual([
    [1, 1],
    [2, 1],
  ])
  expect(die(1)).toEqual([[1, 2]])
  expect(die()).toEqual([])
  bookmark(1, 0)
  expect(die(1, 2)).toEqual([
    [1, 1],
    [2, 2],
  ])
  store.take(id, 'me')
  store.tensorStarted(id, { tensor: 2, name: 'tensor 2', slices: 9, elsewhere: false })
  store.tensorsStopped(id)
  expect(store.recover('another')[0]?.inFlight).toEqual([])
  expect(die(1, 2)).toEqual([
    [1, 2],
    [2, 3],
  ])
})

test('nobody dies of a tensor that only other machines have', async () => {
  const { store } = await oneStore()
  const { id } = store.add(newJob('a'))
  const begin = (tensor: number, elsewhere: boolean) =>
    store.tensorStarted(id, { tensor, name: `tensor ${tensor}`, slices: 9, elsewhere })
  const die = () => store.recover('another')[0]?.inFlight.map(({ tensor }) => tensor)
  store.take(id, 'me')
  begin(1, true)
  begin(2, false)
  // A thread has it, too, whichever was first.
  begin(3, true)
  begin(3, false)
  begin(4, false)
  begin(4, true)
  expect(die()).toEqual([2, 3, 4])
  expect(store.tensors(id).map(({ state, deaths }) => [state, deaths])).toEqual([
    ['stopped', 0],
    ['stopped', 1],
    ['stopped', 1],
    ['stopped', 1],
  ])
  store.take(id, 'me')
  begin(2, true)
  expect(die()).toEqual([])
})

test('pruning keeps what is open, the newest details, and the content of the watched', async () => {
  const { store, clock } = await oneStore()
  for (let index = 0; index < 20; index++) {
    clock.now += 1
    const { id } = store.add(
      newJob(`job ${index}`, index < 3 ? { content: `content ${index}`, origin: 'watcher' } : {}),
    )
    store.tensorStarted(id, { tensor: 0, name: 'x', slices: 1, elsewhere: false })
    if (index !== 5) store.move(id, 'queued', 'cancelled')
  }
  store.prune({ detailed: 4, jobs: 8 })
  expect(store.list({ order: 'turn' }).map(({ id }) => id)).toEqual([1, 2, 3, 6, 16, 17, 18, 19, 20])
  const detailed = [...new Set(store.events({ limit: 1000 }).map(({ job }) => job))]
  expect(detailed).toEqual([6, 17, 18, 19, 20])
  expect([1, 6, 17, 20].map((id) => store.tensors(id).length)).toEqual([0, 1, 1, 1])
})

/** Writes bookmarks as a conversion to `output` would. */
function bookmarks(database: ReturnType<typeof openDatabase>, output: string) {
  database
    .prepare(
      `INSERT INTO conversion (output, model, recipe, mix, fingerprint, sources, size, begun_ms)
       VALUES (?, 'm', 'Q4_K_M', 'latest', 'f', '[]', 1, 0)`,
    )
    .run(output)
  const conversion = findConversion(database, output)?.id
  const insert = database.prepare('INSERT INTO bookmark VALUES (?, ?, ?, zeroblob(32), 0, 0, 0, 0)')
  return (tensor: number, slice: number) => insert.run(conversion, tensor, slice)
}
