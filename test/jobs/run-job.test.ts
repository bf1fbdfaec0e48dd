import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ConvertEvent } from '#dist/convert/events.js'
import { JobRequests } from '#dist/daemon/job-requests.js'
import { runJob, type StopReason } from '#dist/jobs/run-job.js'
import { settleJob } from '#dist/jobs/settle-job.js'
import { convertFolder } from '../helpers/convert-folder.ts'
import { type JobHarness, jobHarness } from '../helpers/job-harness.ts'
import { newJob } from '../helpers/job-stores.ts'
import { fileSha256 } from '../helpers/partial-run.ts'
import { smallPre, smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const root = suiteFolder()
const model = () => join(root(), 'model')
let expected = ''

beforeAll(async () => {
  // Some 50 slices, so that a run can be stopped between them.
  await writeSmallModel(model(), { shards: 3 }, { ...smallShape, vocabulary: 20_000 })
  const whole = join(root(), 'whole.gguf')
  await convertFolder(model(), 'Q4_K_M', whole)
  expected = await fileSha256(whole)
})

const begin = async (): Promise<JobHarness> => jobHarness(await temporaryFolder(), model())

/** Stops with `why` when `slices` slices are made. */
function stopAt(slices: number, why: StopReason) {
  const controller = new AbortController()
  let made = 0
  const onEvent = ({ kind }: ConvertEvent) => {
    if (kind === 'slice' && ++made >= slices) controller.abort(why)
  }
  return { stop: controller.signal, onEvent }
}

describe('a job', () => {
  test('runs from the queue to "done": right bytes, every tensor accounted for, progress at its end', async () => {
    const { store, run, job } = await begin()
    const done = await run()
    expect(done).toMatchObject({ state: 'done', attempts: 0, reason: undefined })
    expect(await fileSha256(job.output)).toBe(expected)
    expect(done.doneWeights).toBe(done.totalWeights)
    expect(done.doneBytes).toBe(done.totalBytes)
    const report = JSON.parse(readFileSync(`${job.output}.report.json`, 'utf8'))
    expect(done.totalWeights).toBe(report.totals.weights)
    const tensors = store.tensors(job.id)
    expect(tensors.map(({ name }) => name).sort()).toEqual(
      report.tensors.map(({ name }: { name: string }) => name).sort(),
    )
    expect(new Set(tensors.map(({ state }) => state))).toEqual(new Set(['done']))
    const moves = store.events({ job: job.id, limit: 100 }).filter(({ kind }) => kind === 'moved')
    expect(moves.map(({ detail }) => detail.to)).toEqual(['running', 'verifying', 'done'])
  })

  test('of two types stops, goes on, makes both files, and leaves none of their parts when it is given up', async () => {
    const { store, run, context } = await begin()
    const folder = await temporaryFolder()
    const wish = (name: string) => newJob(name, { model: model(), output: join(folder, name), recipe: 'Q4_K_M,Q2_K' })
    const both = { ...wish('both.gguf'), options: { pre: smallPre } }
    const { id } = store.add(both)
    expect(() => store.add({ ...both, output: join(folder, 'both-Q2_K.gguf'), recipe: 'Q2_K' })).toThrow('makes')
    expect(await run(stopAt(5, 'shutdown'), id)).toMatchObject({ state: 'queued' })
    const done = await run({}, id)
    expect(done).toMatchObject({ state: 'done' })
    expect(done.doneWeights).toBe(done.totalWeights)
    const files = store.files(done)
    expect(files).toEqual(['Q4_K_M', 'Q2_K'].map((type) => join(folder, `both-${type}.gguf`)))
    expect(await fileSha256(files[0] ?? '')).toBe(expected)
    expect(new Set(store.tensors(id).map(({ state }) => state))).toEqual(new Set(['done']))
    const given = store.add({ ...wish('given.gguf'), options: { pre: smallPre } })
    await run(stopAt(5, 'paused'), given.id)
    const parts = () => readdirSync(folder).filter((name) => name.endsWith('.part'))
    expect(parts()).toEqual(['given-Q2_K.gguf.part', 'given-Q4_K_M.gguf.part'])
    await new JobRequests(context().database, store).act(given.id, 'cancel', 'remove')
    expect(parts()).toEqual([])
  })

  test.each([
    ['shutdown', 'queued'],
    ['paused', 'paused'],
    ['cancelled', 'cancelled'],
  ] as const)(
    'stopped for "%s" is %s without an attempt counted, and goes on to the same bytes',
    async (why, state) => {
      const { store, run, job } = await begin()
      const stopped = await run(stopAt(5, why))
      expect(stopped).toMatchObject({ state, attempts: 0 })
      expect(stopped.doneWeights).toBeGreaterThan(0)
      expect(stopped.doneWeights).toBeLessThan(stopped.totalWeights)
      expect(store.tensors(job.id).filter(({ state }) => state === 'running')).toEqual([])

      if (state !== 'queued') store.moveAsAsked(job.id, 'queued')
      let kept = 0
      const done = await run({ onEvent: (event) => (kept = event.kind === 'begun' ? event.doneSlices : kept) })
      expect(kept).toBeGreaterThanOrEqual(5)
      expect(done.state).toBe('done')
      expect(await fileSha256(job.output)).toBe(expected)
      expect(new Set(store.tensors(job.id).map(({ state }) => state))).toEqual(new Set(['done']))
    },
  )

  test('stopped before its first slice begins nothing', async () => {
    const { run, job } = await begin()
    expect((await run({ stop: AbortSignal.abort('paused') })).state).toBe('paused')
    expect(statSync(`${job.output}.part`, { throwIfNoEntry: false })).toBeUndefined()
  })

  test('tells of every tensor in the database before a slice of it is made', async () => {
    const { store, run, job } = await begin()
    const early: string[] = []
    await run({
      onEvent: (event) => {
        if (event.kind !== 'tensor-begun') return
        const row = store.tensors(job.id).find(({ tensor }) => tensor === event.index)
        if (row?.state !== 'running' || row.name !== event.tensor.name) early.push(event.tensor.name)
      },
    })
    expect(early).toEqual([])
  })

  test('that restarts does so once: after an interruption it goes on with its own work', async () => {
    const folder = await temporaryFolder()
    const { run, job, store } = jobHarness(folder, model(), { restart: true })
    expect((await run(stopAt(5, 'shutdown'))).state).toBe('queued')
    const begun = store.events({ job: job.id, limit: 100 }).find(({ kind }) => kind === 'begun')
    expect(begun?.detail.keptSlices).toBe(0)
    await run()
    const again = store.events({ job: job.id, limit: 100 }).findLast(({ kind }) => kind === 'begun')
    expect(again?.detail.keptSlices).toBeGreaterThanOrEqual(5)
  })

  test('whose process died after the file got its name is done, and its file is not touched', async () => {
    const { store, context, job, run } = await begin()
    store.take(job.id, 'the first process')
    // The run ends, but nobody lives to move the job.
    expect(await runJob(store.require(job.id), context())).toEqual({ kind: 'done' })
    const { mtimeMs } = statSync(job.output)
    store.recover('the second process')
    expect(store.require(job.id).state).toBe('queued')
    expect((await run()).state).toBe('done')
    expect(statSync(job.output).mtimeMs).toBe(mtimeMs)
  })

  test('whose folder is gone waits, with the error as its reason, and goes on when it is back', async () => {
    const folder = await temporaryFolder()
    const copy = join(folder, 'copy')
    await writeSmallModel(copy, {}, { ...smallShape, layers: 1 })
    const { run, job, store, clock } = jobHarness(folder, copy)
    await rename(copy, `${copy}-away`)
    expect(await run()).toMatchObject({
      state: 'waiting',
      attempts: 1,
      notBefore: clock.now + 5000,
      reason: { code: 'MODEL_FOLDER_MISSING', hint: expect.any(String) },
    })
    store.move(job.id, 'waiting', 'queued')
    expect(await run()).toMatchObject({ state: 'waiting', attempts: 2, notBefore: clock.now + 15_000 })
    await rename(`${copy}-away`, copy)
    store.move(job.id, 'waiting', 'queued')
    expect(await run()).toMatchObject({ state: 'done', attempts: 2, reason: undefined })
  })

  test('that a retry cannot help fails', async () => {
    const { run, job } = await begin()
    await convertFolder(model(), 'Q2_K', job.output)
    expect(await run()).toMatchObject({ state: 'failed', attempts: 1, reason: { code: 'OUTPUT_EXISTS' } })
    rmSync(job.output)
  })

  test('that was taken away ends, and changes nothing of the job any more', async () => {
    const { store, context, job, clock } = await begin()
    store.take(job.id, 'old')
    const onEvent = ({ kind }: ConvertEvent) => {
      if (kind === 'begun') store.recover('young')
    }
    const outcome = await runJob(store.require(job.id), context({ onEvent }))
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'INTERNAL' } })
    expect(settleJob(store, job.id, outcome, clock.now)).toMatchObject({ state: 'queued', attempts: 0 })
  })
})
