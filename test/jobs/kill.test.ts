import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readBookmarks } from '#dist/convert/state/bookmarks.js'
import { findConversion } from '#dist/convert/state/conversions.js'
import { readReclaimed } from '#dist/convert/state/reclaimed-shards.js'
import type { JobStore } from '#dist/jobs/store/job-store.js'
import type { PlanSource } from '#dist/plan/plan.js'
import { convertFolder, planFolder } from '../helpers/convert-folder.ts'
import { type JobHarness, jobHarness } from '../helpers/job-harness.ts'
import { fileSha256 } from '../helpers/partial-run.ts'
import { smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'
import { typescriptChild } from '../helpers/typescript-child.ts'

/** Kills at random moments; MIBERA_LONG=1 asks for more. */
const randomKills = process.env.MIBERA_LONG === undefined ? 12 : 60

/** Runs {@link job-child.ts} and kills it after so many milliseconds, if it still lives. */
async function child(state: string, killAfter: number): Promise<void> {
  const script = new URL('./job-child.ts', import.meta.url)
  const process_ = spawn(process.execPath, typescriptChild(script, state, ''), {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const timer = setTimeout(() => process_.kill('SIGKILL'), killAfter)
  await once(process_, 'exit')
  clearTimeout(timer)
}

describe.skipIf(process.platform === 'win32')('a job that reclaims its source', () => {
  test(`killed at ${randomKills} random moments ends in the same bytes, with every death and shard on record`, async () => {
    const folder = await temporaryFolder()
    const model = join(folder, 'model')
    await writeSmallModel(model, { shards: 5 }, { ...smallShape, vocabulary: 48_000 })
    await convertFolder(model, 'Q4_K_M', join(folder, 'whole.gguf'))
    const { sources } = await planFolder(model, 'Q4_K_M')
    const harness = jobHarness(folder, model, { reclaimSource: true })
    const { store, job } = harness
    const state = join(folder, 'state')
    for (let kills = 0; kills < randomKills; kills++) {
      await child(state, 300 + Math.random() * 700)
      retryIfBlamed(store, job.id)
      checkRecord(harness, sources)
      if (store.require(job.id).state === 'done') break
    }
    for (let runs = 0; runs < 3 && store.require(job.id).state !== 'done'; runs++) {
      await child(state, 60_000)
      retryIfBlamed(store, job.id)
    }
    expect(store.require(job.id).state).toBe('done')
    expect(await fileSha256(job.output)).toBe(await fileSha256(join(folder, 'whole.gguf')))
    checkRecord(harness, sources)
    expect(sources.filter(({ path }) => existsSync(path))).toEqual([])
  })
})

/** Kills that follow each other fast enough look like a crash loop, and are one. */
function retryIfBlamed(store: JobStore, id: number): void {
  const { state, reason } = store.require(id)
  if (state !== 'failed') return
  expect(reason?.code).toBe('CRASH_LOOP')
  store.moveAsAsked(id, 'queued', { attempts: 0 })
}

/** No shard is gone without a record, and every beginning has had its end. */
function checkRecord({ store, job: { id }, context }: JobHarness, sources: readonly PlanSource[]): void {
  const { database } = context()
  const events = store.events({ job: id, limit: 10_000 })
  const begun = events.filter(({ kind, detail }) => kind === 'moved' && detail.to === 'running').length
  const recovered = events.filter(({ kind }) => kind === 'recovered').length
  const ended = events.filter(({ detail }) => detail.from === 'verifying' && detail.to === 'done').length
  const { state } = store.require(id)
  expect(begun).toBe(recovered + ended + (state === 'running' || state === 'verifying' ? 1 : 0))
  const output = store.require(id).output
  const conversion = findConversion(database, output)?.id ?? -1
  const recorded = new Set(readReclaimed(database, conversion).map(({ path }) => path))
  expect(sources.filter(({ path }) => !existsSync(path) && !recorded.has(path))).toEqual([])
  const bookmarks = readBookmarks(database, conversion)
  for (const { tensor, slices, state } of store.tensors(id)) {
    if (state === 'done') expect(bookmarks.filter((bookmark) => bookmark.tensor === tensor).length).toBe(slices)
  }
}
