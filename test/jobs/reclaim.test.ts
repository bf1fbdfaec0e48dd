import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, utimesSync, writeSync } from 'node:fs'
import { copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ConvertEvent } from '#dist/convert/events.js'
import { convertFolder, planFolder, planOutputs } from '../helpers/convert-folder.ts'
import { ggufImatrix, type MeasuredEntry, measuredTensors } from '../helpers/imatrix-files.ts'
import { type JobHarness, jobHarness } from '../helpers/job-harness.ts'
import { newJob } from '../helpers/job-stores.ts'
import { fileSha256, runToEnd } from '../helpers/partial-run.ts'
import { givenImatrix, randomEntries } from '../helpers/random-imatrix.ts'
import { smallPre, smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const original = () => join(root(), 'original')
const work = () => join(root(), 'work')
const model = () => join(work(), 'model')
const smallestBatch = { milliseconds: 0, bytes: 0 }
let expected = ''
let shards: string[] = []

beforeAll(async () => {
  await writeSmallModel(original(), { shards: 5 }, { ...smallShape, vocabulary: 20_000 })
  shards = readdirSync(original()).filter((name) => name.endsWith('.safetensors'))
  // Copies keep times only to a millisecond or so, and how they round depends on what copies.
  const wholeSecond = new Date(Math.floor(Date.now() / 1000) * 1000)
  for (const shard of shards) utimesSync(join(original(), shard), wholeSecond, wholeSecond)
  await convertFolder(original(), 'Q4_K_M', join(root(), 'whole.gguf'))
  expected = await fileSha256(join(root(), 'whole.gguf'))
})
beforeEach(async () => {
  await rm(work(), { recursive: true, force: true })
  await mkdir(work())
  await cp(original(), model(), { recursive: true, preserveTimestamps: true })
})

const left = () => shards.filter((name) => existsSync(join(model(), name)))
const reclaiming = (options = {}): JobHarness => jobHarness(work(), model(), { reclaimSource: true, ...options })

/** Stops for `why` when a shard was deleted for the `count`th time. */
function stopAfterReclaimed(count: number, why = 'shutdown') {
  const controller = new AbortController()
  const reclaimed: string[] = []
  const onEvent = (event: ConvertEvent) => {
    if (event.kind === 'reclaimed' && reclaimed.push(event.shard.name) >= count) controller.abort(why)
  }
  return { stop: controller.signal, onEvent, reclaimed, batch: smallestBatch, threads: 1 }
}

describe('a job that reclaims its source', () => {
  test('deletes every shard, each only when the part file holds all its tensors as they were made', async () => {
    const { run, job, store } = reclaiming()
    const plan = await planFolder(model(), 'Q4_K_M')
    const whole = readFileSync(join(root(), 'whole.gguf'))
    const early: string[] = []
    const done = await run({
      batch: smallestBatch,
      onEvent: (event) => {
        if (event.kind !== 'reclaimed') return
        const source = plan.sources.findIndex(({ name }) => name === event.shard.name)
        const made = readFileSync(`${job.output}.part`)
        for (const { name, offset, byteLength, source: from } of plan.tensors) {
          if (from.kind !== 'rows' || !from.ranges.some((range) => range.source === source)) continue
          const end = offset + byteLength
          if (!made.subarray(offset, end).equals(whole.subarray(offset, end)))
            early.push(`${event.shard.name}: ${name}`)
        }
      },
    })
    expect(early).toEqual([])
    expect(done.state).toBe('done')
    expect(left()).toEqual([])
    expect(await fileSha256(job.output)).toBe(expected)
    const told = store.events({ job: job.id, limit: 100 }).filter(({ kind }) => kind === 'reclaimed')
    expect(told.map(({ detail }) => detail.shard).sort()).toEqual(shards)
    expect(told.map(({ detail }) => detail.bytes)).not.toContain(0)
    expect(existsSync(join(model(), 'tokenizer.json'))).toBe(true)
  })

  test('goes on without the deleted shards after an interruption', async () => {
    const { run, job } = reclaiming()
    expect((await run(stopAfterReclaimed(2))).state).toBe('queued')
    expect(left().length).toBeGreaterThan(0)
    expect(left().length).toBeLessThan(shards.length)
    expect((await run()).state).toBe('done')
    expect(left()).toEqual([])
    expect(await fileSha256(job.output)).toBe(expected)
  })

  test('goes on with its importance matrix, to the bytes of a run in one go, and with no other', async () => {
    const { tensors } = await planFolder(model(), 'Q4_K_M')
    const [first, second] = [1, 2].map((seed) => randomEntries(tensors, seed)) as [MeasuredEntry[], MeasuredEntry[]]
    const matrix = join(root(), 'measured.gguf')
    const importance = await givenImatrix(matrix, first)
    const whole = await runToEnd(await planOutputs(model(), ['Q4_K_M'], { importance }), join(root(), 'guided.gguf'))
    expect(whole.sha256).not.toBe(expected)

    await writeFile(matrix, ggufImatrix(measuredTensors(first)))
    const { run, job, store } = reclaiming({ importance: { file: matrix } })
    expect((await run(stopAfterReclaimed(2))).state).toBe('queued')
    expect(left().length).toBeLessThan(shards.length)

    await writeFile(matrix, ggufImatrix(measuredTensors(second)))
    const before = left()
    expect(await run()).toMatchObject({ state: 'failed', reason: { code: 'PLAN_CHANGED' } })
    expect(left()).toEqual(before)

    await writeFile(matrix, ggufImatrix(measuredTensors(first)))
    store.moveAsAsked(job.id, 'queued')
    expect((await run()).state).toBe('done')
    expect(left()).toEqual([])
    expect(await fileSha256(job.output)).toBe(whole.sha256)
  })

  test('cannot begin anew any more, and says so; going on is still possible', async () => {
    const first = reclaiming()
    await first.run(stopAfterReclaimed(1))
    const { store, job, run } = first
    store.moveAsAsked(job.id, 'cancelled')
    const asked = newJob('again', { ...job, options: { ...job.options, restart: true } })
    const again = store.add(asked)
    const refused = await first.run({}, again.id)
    expect(refused).toMatchObject({ state: 'failed', reason: { code: 'SOURCE_RECLAIMED' } })
    expect(refused.reason?.message).toContain('1 shard was deleted')
    store.moveAsAsked(job.id, 'queued')
    expect((await run()).state).toBe('done')
    expect(await fileSha256(job.output)).toBe(expected)
  })

  test('can begin anew once the shards are back', async () => {
    const first = reclaiming()
    const { store, job } = first
    await first.run(stopAfterReclaimed(1))
    store.moveAsAsked(job.id, 'cancelled')
    for (const shard of shards) await copyFile(join(original(), shard), join(model(), shard))
    const again = store.add(newJob('again', { ...job, options: { pre: smallPre, restart: true } }))
    expect((await first.run({}, again.id)).state).toBe('done')
    expect(left()).toEqual(shards)
    expect(await fileSha256(job.output)).toBe(expected)
  })

  test('whose part file was lost is refused, not begun anew from what is left', async () => {
    const { run, job } = reclaiming()
    await run(stopAfterReclaimed(1))
    await rm(`${job.output}.part`)
    expect(await run()).toMatchObject({ state: 'failed', reason: { code: 'SOURCE_RECLAIMED' } })
    expect(left().length).toBeGreaterThan(0)
  })

  test('whose part file was damaged where its source is gone is refused, and nothing more is deleted', async () => {
    const { run, job } = reclaiming()
    const stop = stopAfterReclaimed(1)
    await run(stop)
    const before = left()
    await damage(job.output, stop.reclaimed[0] ?? '')
    expect(await run()).toMatchObject({
      state: 'failed',
      reason: { code: 'SOURCE_RECLAIMED', message: expect.stringContaining(stop.reclaimed[0] ?? 'a shard') },
    })
    expect(left()).toEqual(before)
  })

  test('does not delete a shard whose blocks on disk are not those that were made', async () => {
    const { run, job } = reclaiming()
    const plan = await planFolder(model(), 'Q4_K_M')
    const first = plan.tensors[0]
    let harmed = false
    const failed = await run({
      batch: smallestBatch,
      threads: 1,
      onEvent: (event) => {
        if (event.kind !== 'slice' || harmed || event.tensor.name !== first?.name) return
        harmed = true
        poke(`${job.output}.part`, first.offset)
      },
    })
    expect(failed).toMatchObject({ state: 'failed', reason: { code: 'VERIFICATION_FAILED' } })
    const source = first?.source.kind === 'rows' ? (first.source.ranges[0]?.source ?? -1) : -1
    expect(left()).toContain(plan.sources[source]?.name)
  })

  test('does not delete a shard that was written to meanwhile', async () => {
    const { run } = reclaiming()
    const onEvent = ({ kind }: ConvertEvent) => {
      if (kind === 'begun') for (const shard of shards) utimesSync(join(model(), shard), new Date(), new Date())
    }
    expect(await run({ onEvent, batch: smallestBatch })).toMatchObject({ reason: { code: 'SHARD_CHANGED' } })
    expect(left()).toEqual(shards)
  })

  test('leaves the shards alone while another job still needs them', async () => {
    const { run, store, job } = reclaiming()
    const other = store.add(
      newJob('other', { model: model(), options: { pre: smallPre, reclaimSource: true }, recipe: 'Q2_K' }),
    )
    store.move(other.id, 'queued', 'paused')
    expect((await run()).state).toBe('done')
    expect(left()).toEqual(shards)
    store.move(other.id, 'paused', 'queued')
    expect(await fileSha256(job.output)).toBe(expected)
  })

  test('finishes a deletion that was recorded before a death, but leaves a new download of that name', async () => {
    const { run } = reclaiming()
    const stop = stopAfterReclaimed(2)
    await run(stop)
    const [same = '', other = ''] = stop.reclaimed
    await cp(join(original(), same), join(model(), same), { preserveTimestamps: true })
    await writeFile(join(model(), other), await readFile(join(original(), other)))
    expect((await run()).state).toBe('done')
    expect(left()).toEqual([other])
  })
})

test('without the wish no shard is ever deleted', async () => {
  expect((await jobHarness(work(), model()).run()).state).toBe('done')
  expect(left()).toEqual(shards)
})

/** Harms one byte of the part file in a tensor that comes from `shard`. */
async function damage(output: string, shard: string): Promise<void> {
  const plan = await planFolder(original(), 'Q4_K_M')
  const source = plan.sources.findIndex(({ name }) => name === shard)
  const tensor = plan.tensors.find(({ source: from }) => from.kind === 'rows' && from.ranges[0]?.source === source)
  poke(`${output}.part`, tensor?.offset ?? 0)
}

/** Turns over the bits of one byte. */
function poke(path: string, position: number): void {
  const file = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, position)
  writeSync(file, Buffer.of((byte[0] ?? 0) ^ 0xff), 0, 1, position)
  closeSync(file)
}
