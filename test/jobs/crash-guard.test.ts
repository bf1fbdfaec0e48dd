import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { crashLoop, tensorsToRunAlone } from '#dist/jobs/crash-guard.js'
import type { TensorJob } from '#dist/jobs/store/tensor-jobs.js'
import { convertFolder } from '../helpers/convert-folder.ts'
import { jobHarness } from '../helpers/job-harness.ts'
import { fileSha256 } from '../helpers/partial-run.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'
import { typescriptChild } from '../helpers/typescript-child.ts'

const tensor = (number: number, deaths: number, state: TensorJob['state'] = 'stopped'): TensorJob => {
  return { tensor: number, name: `tensor ${number}`, slices: 1, state, deaths, started: 0, ended: null }
}

test('two deaths are bad luck, three a finding that names the tensor', () => {
  expect(crashLoop([])).toBeUndefined()
  expect(crashLoop([tensor(1, 2), tensor(2, 1)])).toBeUndefined()
  const finding = crashLoop([tensor(1, 2), tensor(2, 3), tensor(3, 4)])
  expect(finding).toMatchObject({ code: 'CRASH_LOOP', subject: 'tensor 3', retry: false })
  expect(finding?.message).toContain('4 times')
  expect(finding?.message).toContain('tensor 2, tensor 3')
})

test('from the second death on, what is not done runs alone', () => {
  expect(tensorsToRunAlone([tensor(0, 1), tensor(1, 2), tensor(2, 3, 'done'), tensor(3, 9)])).toEqual([1, 3])
})

interface ChildEvent {
  readonly kind: string
  readonly tensor?: string
}

/** Runs the child; its events, and whether it was killed. */
function child(state: string, deadly: string): Promise<{ killed: boolean; events: ChildEvent[] }> {
  const script = new URL('./job-child.ts', import.meta.url)
  return new Promise((resolve) => {
    execFile(process.execPath, typescriptChild(script, state, deadly), (error, stdout, stderr) => {
      if (stderr !== '') throw new Error(stderr)
      const events = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ChildEvent]))
      resolve({ killed: error?.signal === 'SIGKILL', events })
    })
  })
}

describe.skipIf(process.platform === 'win32')('a process that dies whenever it begins one tensor', () => {
  test('is stopped after three deaths; a retry makes the tensor first, alone, and the file is right', async () => {
    const folder = await temporaryFolder()
    const model = join(folder, 'model')
    await writeSmallModel(model, { shards: 3 })
    await convertFolder(model, 'Q4_K_M', join(folder, 'whole.gguf'))
    const { store, job } = jobHarness(folder, model)
    const state = join(folder, 'state')
    const deadly = 'blk.1.ffn_up.weight'

    // In the first two runs others are in work beside it; in the third it is alone.
    for (let death = 1; death <= 3; death++) expect((await child(state, deadly)).killed).toBe(true)
    const idle = await child(state, '')
    expect(idle).toEqual({ killed: false, events: [] })
    expect(store.require(job.id)).toMatchObject({ state: 'failed', reason: { code: 'CRASH_LOOP' } })
    expect(store.require(job.id).reason?.message).toBe(`the process died 3 times in a row while it converted ${deadly}`)

    store.moveAsAsked(job.id, 'queued', { attempts: 0 })
    expect((await child(state, deadly)).killed).toBe(true)
    await child(state, '')
    expect(store.require(job.id)).toMatchObject({ state: 'failed', reason: { code: 'CRASH_LOOP' } })
    expect(store.require(job.id).reason?.message).toBe(`the process died 4 times in a row while it converted ${deadly}`)

    store.moveAsAsked(job.id, 'queued', { attempts: 0 })
    const { events } = await child(state, '')
    const work = events.filter(({ kind }) => kind === 'tensor-begun' || kind === 'slice')
    expect(work[0]).toEqual({ kind: 'tensor-begun', tensor: deadly })
    const lastSlice = work.findLastIndex(({ kind, tensor }) => kind === 'slice' && tensor === deadly)
    expect(new Set(work.slice(0, lastSlice + 1).map(({ tensor }) => tensor))).toEqual(new Set([deadly]))
    expect(work.length).toBeGreaterThan(lastSlice + 1)
    expect(store.require(job.id).state).toBe('done')
    expect(await fileSha256(job.output)).toBe(await fileSha256(join(folder, 'whole.gguf')))
  })
})
