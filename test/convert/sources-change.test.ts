import { existsSync, rmSync, truncateSync, utimesSync } from 'node:fs'
import { mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { planFolder } from '../helpers/convert-folder.ts'
import { runPart, runToEnd } from '../helpers/partial-run.ts'
import { refusal } from '../helpers/refusal.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const model = () => join(root(), 'model')
const shard = () => join(model(), 'model-00003-of-00003.safetensors')
const output = () => join(root(), 'out', 'small.gguf')
const moment = new Date(1_700_000_000_000)
const plan = () => planFolder(model(), 'Q4_K_M')

let original: Buffer

beforeAll(async () => {
  await writeSmallModel(model(), { shards: 3 })
  original = await readFile(shard())
})
beforeEach(async () => {
  await rm(join(root(), 'out'), { recursive: true, force: true })
  await mkdir(join(root(), 'out'))
  await writeFile(shard(), original)
  await utimes(shard(), moment, moment)
})

describe('a shard that changes while it is converted', () => {
  /** Converts, and does something to the sources when the first slice was made. */
  async function convertWhile(change: () => void) {
    let changed = false
    const onEvent = ({ kind }: { readonly kind: string }) => {
      if (kind !== 'slice' || changed) return
      changed = true
      change()
    }
    return refusal(runToEnd(await plan(), output(), { threads: 1, onEvent }))
  }

  test('by its time: refused before the file gets its name; with the time back, nothing is made again', async () => {
    const error = await convertWhile(() => utimesSync(shard(), new Date(), new Date()))
    expect(error.code).toBe('SHARD_CHANGED')
    expect(error.message).toContain('model-00003-of-00003.safetensors')
    expect(existsSync(output())).toBe(false)

    expect((await refusal(runToEnd(await plan(), output()))).code).toBe('PLAN_CHANGED')
    await utimes(shard(), moment, moment)
    const run = await runToEnd(await plan(), output())
    expect(run.made).toBe(0)
    expect(run.kept).toBeGreaterThan(0)
  })

  test('by becoming shorter: refused, saying where it ends', async () => {
    const error = await convertWhile(() => truncateSync(shard(), 5000))
    expect(error.code).toBe('SHARD_TRUNCATED')
    expect(error.message).toContain(`${shard()} ends at byte 5000`)
    expect(existsSync(output())).toBe(false)
  })

  // Elsewhere a file that is open cannot be deleted, or its data stay readable to the end as well.
  test.skipIf(process.platform === 'win32')('by being deleted: refused, naming it', async () => {
    const error = await convertWhile(() => rmSync(shard()))
    expect(error.code).toBe('SHARD_CHANGED')
    expect(error.message).toContain('model-00003-of-00003.safetensors')
    expect(existsSync(output())).toBe(false)
  })
})

test('a shard deleted between plan and conversion is an error with its name, not the death of a thread', async () => {
  const planned = await plan()
  await rm(shard())
  const error = await refusal(runToEnd(planned, output()))
  expect(error.code).toBe('IO')
  expect(error.message).toContain(shard())
})

test('a shard deleted between two runs is named; once it is back, the run goes on', async () => {
  const { made } = await runPart(await plan(), output(), 4)
  await rename(shard(), join(root(), 'away'))
  const error = await refusal(plan())
  expect(error.code).toBe('SHARDS_MISSING')
  expect(error.message).toContain('model-00003-of-00003.safetensors')
  await rename(join(root(), 'away'), shard())
  expect(await runToEnd(await plan(), output())).toMatchObject({ kept: made.length, discarded: 0 })
})

test('sources are never written to', async () => {
  const before = await Promise.all([shard(), join(model(), 'config.json')].map((path) => readFile(path)))
  await runToEnd(await plan(), output())
  await writeFile(output(), 'old')
  await runToEnd(await plan(), output(), { force: true })
  const after = await Promise.all([shard(), join(model(), 'config.json')].map((path) => readFile(path)))
  expect(after.map((bytes, index) => bytes.equals(before[index] ?? Buffer.of()))).toEqual([true, true])
})
