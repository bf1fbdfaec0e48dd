import { join } from 'node:path'
import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import { ThreadLimit } from '#dist/convert/thread-limit.js'
import { JobRequests } from '#dist/daemon/job-requests.js'
import { Supervisor } from '#dist/daemon/supervisor.js'
import type { Job } from '#dist/jobs/job.js'
import type { JobContext, JobOutcome } from '#dist/jobs/run-job.js'
import { JobStore } from '#dist/jobs/store/job-store.js'
import { newJob, openDatabase } from '../helpers/job-stores.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

type Run = (job: Job, context: JobContext) => Promise<JobOutcome>

/** A run that goes on until it is stopped. */
const untilStopped: Run = (_, { stop }) =>
  new Promise((resolve) => stop.addEventListener('abort', () => resolve({ kind: 'stopped', why: stop.reason })))

async function supervised(run: Run) {
  const database = openDatabase(join(await temporaryFolder(), 'state'))
  const store = new JobStore(database)
  const begun: number[] = []
  let told = () => {}
  const supervisor = new Supervisor({
    ...{ database, store, lease: 'this process', version: 'test', threads: 2, maxMemory: 2 ** 30 },
    threadLimit: new ThreadLimit(2),
    log: pino({ level: 'silent' }),
    run: (job, context) => {
      begun.push(job.id)
      told()
      return run(job, context)
    },
  })
  onTestFinished(() => supervisor.stop())
  /** Resolves when so many runs have begun. */
  const runs = (count: number) =>
    new Promise<void>((resolve) => {
      told = () => begun.length >= count && resolve()
      told()
    })
  return { database, store, supervisor, begun, runs, requests: new JobRequests(database, store, supervisor) }
}

test('jobs run one at a time: higher priority first, then the older', async () => {
  let running = 0
  const { store, supervisor, begun, runs } = await supervised(async () => {
    expect(++running).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    return { kind: 'done' }
  })
  const ids = [0, 0, 7].map((priority, index) => store.add(newJob(`${index}`, { priority })).id)
  supervisor.start()
  await runs(3)
  await supervisor.stop()
  expect(begun).toEqual([ids[2], ids[0], ids[1]])
  expect(store.counts()).toMatchObject({ done: 3, queued: 0 })
})

test('a job that comes while there is nothing to do begins at once', async () => {
  const { store, supervisor, runs } = await supervised(async () => ({ kind: 'done' }))
  supervisor.start()
  store.add(newJob('late'))
  supervisor.look()
  await runs(1)
})

describe('a job in work', () => {
  test('is paused, and the next one goes on', async () => {
    const { store, supervisor, requests, begun, runs } = await supervised(untilStopped)
    const [first, second] = ['a', 'b'].map((name) => store.add(newJob(name)).id) as [number, number]
    supervisor.start()
    await runs(1)
    expect(supervisor.findLive(first)).toMatchObject({ phase: 'opening', threads: 2 })
    expect((await requests.act(first, 'pause', 'keep')).state).toBe('paused')
    await runs(2)
    expect(begun).toEqual([first, second])
    expect(supervisor.findLive(first)).toBeUndefined()
  })

  test('is given back by a stop, at no cost, and stopping twice is safe', async () => {
    const { store, supervisor, runs } = await supervised(untilStopped)
    const { id } = store.add(newJob('a'))
    supervisor.start()
    await runs(1)
    await Promise.all([supervisor.stop(), supervisor.stop()])
    expect(store.require(id)).toMatchObject({ state: 'queued', attempts: 0 })
    await supervisor.stop()
  })

  test('that fails for want of time is tried again; one that fails for good is not', async () => {
    const outcomes = [new MiberaError('IO', 'gone for now'), new MiberaError('CONFIG_MALFORMED', 'no good')]
    const { store, supervisor, runs } = await supervised(async () => {
      const error = outcomes.shift() ?? new Error('no more')
      return { kind: 'failed', error: error as MiberaError, needsDisk: undefined, gotAhead: false }
    })
    const ids = ['a', 'b'].map((name) => store.add(newJob(name)).id)
    supervisor.start()
    await runs(2)
    await supervisor.stop()
    expect(ids.map((id) => store.require(id).state)).toEqual(['waiting', 'failed'])
    expect(store.require(ids[1] ?? 0).reason).toMatchObject({ code: 'CONFIG_MALFORMED', message: 'no good' })
  })

  test('whose record cannot be written fails as any other, and the supervisor lives', async () => {
    const full = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
    const { store, supervisor, runs } = await supervised(() => Promise.reject(full))
    const { id } = store.add(newJob('a'))
    supervisor.start()
    await runs(1)
    await supervisor.stop()
    const { state, reason } = store.require(id)
    expect(reason?.code).toBe('DISK_FULL')
    expect(['waiting', 'queued']).toContain(state)
  })
})

test('what a process that died had in work is taken over', async () => {
  const { store, database, supervisor, runs } = await supervised(async () => ({ kind: 'done' }))
  const { id } = store.add(newJob('a'))
  expect(new JobStore(database).take(id, 'a process that died')).toBe(true)
  supervisor.start()
  await runs(1)
  await supervisor.stop()
  expect(store.require(id).state).toBe('done')
})

test('stopping before the start leaves everything as it is', async () => {
  const { store, supervisor, begun } = await supervised(untilStopped)
  store.add(newJob('a'))
  await supervisor.stop()
  supervisor.start()
  expect(begun).toEqual([])
  expect(store.counts().queued).toBe(1)
})
