import { existsSync, statSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { JobView } from '#dist/daemon/protocol.js'
import { mibera } from '../helpers/command-line.ts'
import {
  addJob,
  jobConverting,
  jobOf,
  jobWhen,
  killDaemon,
  startDaemon,
  statusOf,
  statusWhen,
} from '../helpers/daemon.ts'
import { fileSha256 } from '../helpers/partial-run.ts'
import { smallPre, smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const state = () => join(root(), 'run', 'state')
const output = () => join(root(), 'run', 'model.gguf')
const request = (recipe: JobView['recipe'] = 'Q3_K_M') => ({
  ...{ model: join(root(), 'model'), output: output(), recipe },
  options: { pre: smallPre },
})
let expected = ''

beforeAll(async () => {
  // Some 100 slices: a second or more on one thread.
  await writeSmallModel(join(root(), 'model'), { dtype: 'BF16' }, { ...smallShape, vocabulary: 96_000 })
  const whole = join(root(), 'whole.gguf')
  const words = ['convert', join(root(), 'model'), '--pre', smallPre, '--type', 'Q3_K_M', '--quiet', '--out', whole]
  expect((await mibera([...words, '--state-dir', join(root(), 'whole state')])).status).toBe(0)
  expected = await fileSha256(whole)
})
beforeEach(async () => {
  await rm(join(root(), 'run'), { recursive: true, force: true })
  await mkdir(join(root(), 'run'))
})

describe('one daemon for each state directory', () => {
  test('starts, answers, and stops when asked; the next may start at once', async () => {
    const { pid, client } = await startDaemon(state())
    expect((await statusOf(client)).daemon).toMatchObject({ pid, stateDirectory: state() })
    if (process.platform !== 'win32') expect(statSync(join(state(), 'control.sock')).mode & 0o777).toBe(0o600)
    expect(await client.stop()).toBe(true)
    expect(await client.ask('GET', '/v1/status')).toBeUndefined()
    expect(await client.stop()).toBe(false)
    expect((await startDaemon(state())).pid).not.toBe(pid)
  })

  test('a second one is refused and says who holds the directory', async () => {
    const { pid } = await startDaemon(state())
    const end = await mibera(['daemon', 'start', '--state-dir', state()])
    expect(end.status).toBe(5)
    expect(end.stderr).toContain('(STATE_IN_USE)')
    expect(end.stderr).toContain(String(pid))
  })

  test('what a killed one left, lock and socket, is in nobody’s way', async () => {
    const { pid } = await startDaemon(state())
    await killDaemon(state(), pid)
    const { client } = await startDaemon(state())
    expect((await statusOf(client)).daemon?.pid).not.toBe(pid)
  })

  test('settings that are not lawful end the start with their error', async () => {
    await mkdir(state(), { recursive: true })
    await writeFile(join(state(), 'settings.json'), '{"quietTme": 3}')
    const end = await mibera(['daemon', 'start', '--state-dir', state()])
    expect(end.status).toBe(2)
    expect(end.stderr).toContain('Did you mean "quietTime"?')
  })

  test('its status shows every setting and where it comes from; without one, the exit status tells', async () => {
    await startDaemon(state(), ['--threads', '1', '--quiet-time', '7'])
    const end = await mibera(['daemon', 'status', '--state-dir', state(), '--json'])
    expect(end.status).toBe(0)
    expect(JSON.parse(end.stdout)).toMatchObject({
      daemon: { mostThreads: 1 },
      settings: { quietTime: { value: 7, source: 'flag' }, poll: { value: false, source: 'default' } },
    })
    expect((await mibera(['daemon', 'status', '--state-dir', join(root(), 'other')])).status).toBe(5)
  })
})

describe('jobs', () => {
  test('one is converted to the very bytes of a conversion in place', async () => {
    const { client } = await startDaemon(state())
    const { id } = await addJob(client, request())
    await jobWhen(client, id, 'done')
    expect(await fileSha256(output())).toBe(expected)
    const { tensors, events } = await jobOf(client, id)
    expect(tensors.every((tensor) => tensor.state === 'done')).toBe(true)
    expect(events.map(({ kind }) => kind)).toContain('added')
  })

  test('killed in the middle, it goes on by itself when the daemon is started again', async () => {
    const { pid, client } = await startDaemon(state(), ['--threads', '1'])
    const { id } = await addJob(client, request())
    await jobConverting(client, id)
    await killDaemon(state(), pid)
    const second = await startDaemon(state())
    const job = await jobWhen(second.client, id, 'done')
    expect(job.attempts).toBe(0)
    expect(await fileSha256(output())).toBe(expected)
    expect((await jobOf(second.client, id)).events.map(({ kind }) => kind)).toContain('recovered')
  })

  test('paused, resumed, paused and cancelled, retried: each does what it says', async () => {
    const { client } = await startDaemon(state(), ['--threads', '1'])
    const { id } = await addJob(client, request())
    const act = (action: string, body = {}) => client.ask<JobView>('POST', `/v1/jobs/${id}/${action}`, body)
    await jobConverting(client, id)
    expect((await act('pause'))?.state).toBe('paused')
    expect(existsSync(`${output()}.part`)).toBe(true)
    expect((await act('resume'))?.state).toBe('queued')
    await jobWhen(client, id, 'running')
    expect((await act('cancel', { part: 'remove' }))?.state).toBe('cancelled')
    expect(existsSync(`${output()}.part`)).toBe(false)
    await expect(act('resume')).rejects.toMatchObject({ code: 'JOB_STATE' })
    expect((await act('retry'))?.state).toBe('queued')
    await jobWhen(client, id, 'done')
    await expect(act('cancel')).rejects.toMatchObject({ code: 'JOB_STATE' })
    expect(await fileSha256(output())).toBe(expected)
  })

  test('several wait for their turn: higher priority first, then the older', async () => {
    const { client } = await startDaemon(state(), ['--threads', '1'])
    const ids: number[] = []
    for (const [index, priority] of [0, 0, 5].entries()) {
      const job = { ...request('Q8_0'), output: join(root(), 'run', `${index}.gguf`), priority }
      ids.push((await addJob(client, job)).id)
    }
    const [first = 0, second = 0, urgent = 0] = ids
    await jobWhen(client, second, 'done')
    const begun = await Promise.all(
      [first, urgent, second].map(async (id) => (await jobOf(client, id)).job.started ?? 0),
    )
    expect(begun).toEqual(begun.toSorted((a, b) => a - b))
    await expect(addJob(client, request('Q8_0')).then(() => addJob(client, request()))).rejects.toMatchObject({
      code: 'JOB_EXISTS',
    })
  })

  test('a model that is not fit fails its job with the reason and its hint', async () => {
    const { client } = await startDaemon(state())
    const { id } = await addJob(client, { ...request(), options: {} })
    const { reason } = await jobWhen(client, id, 'failed')
    expect(reason?.code).toBe('PRE_TOKENIZER_UNKNOWN')
    expect(reason?.hint).toContain('--pre')
  })
})

describe.skipIf(process.platform === 'win32')('signals', () => {
  test('the first drains within five seconds: what is made is kept, and it costs no attempt', async () => {
    const { pid, client } = await startDaemon(state(), ['--threads', '1'])
    const { id } = await addJob(client, request())
    await jobConverting(client, id)
    const ended = client.events('')
    const begun = performance.now()
    process.kill(pid, 'SIGTERM')
    for await (const _ of (await ended) ?? []);
    expect(performance.now() - begun).toBeLessThan(5000)
    const list = await mibera(['jobs', 'list', '--state-dir', state(), '--json'])
    expect(JSON.parse(list.stdout)).toMatchObject([{ id, state: 'queued', attempts: 0 }])
    const second = await startDaemon(state())
    await jobWhen(second.client, id, 'done')
    expect(await fileSha256(output())).toBe(expected)
  })

  test('a second signal cuts, and what was bookmarked is kept', async () => {
    const { pid, client } = await startDaemon(state(), ['--threads', '1'])
    const { id } = await addJob(client, request())
    await jobConverting(client, id)
    const stream = await client.events('')
    process.kill(pid, 'SIGTERM')
    process.kill(pid, 'SIGINT')
    for await (const _ of stream ?? []);
    const second = await startDaemon(state())
    await jobWhen(second.client, id, 'done')
    expect(await fileSha256(output())).toBe(expected)
    const { tensors } = await jobOf(second.client, id)
    expect(tensors.every(({ deaths }) => deaths === 0)).toBe(true)
  })
})

test('a watched folder is converted once for each type, and not again after a restart', async () => {
  const watch = join(root(), 'run', 'watch')
  await mkdir(watch)
  const words = ['--watch', watch, '--type', 'Q3_K_M,Q2_K', '--pre', smallPre, '--quiet-time', '0.3']
  const { client } = await startDaemon(state(), words)
  await writeSmallModel(join(watch, 'late'), { dtype: 'BF16' }, { ...smallShape, layers: 1 })
  const { jobs } = await statusWhen(client, ({ counts }) => counts.done === 2)
  expect(jobs.map(({ recipe, origin }) => [recipe, origin]).toSorted()).toEqual([
    ['Q2_K', 'watcher'],
    ['Q3_K_M', 'watcher'],
  ])
  expect(existsSync(join(watch, 'late-Q3_K_M.gguf'))).toBe(true)
  await client.stop()
  const second = await startDaemon(state(), words)
  const again = await statusWhen(second.client, ({ folders }) => folders.some((folder) => folder.state === 'complete'))
  expect(again.counts).toMatchObject({ done: 2, queued: 0, running: 0 })
})
