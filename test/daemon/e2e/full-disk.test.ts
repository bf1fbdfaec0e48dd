import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { DaemonClient } from '#dist/daemon/client.js'
import { mibera } from '../../helpers/command-line.ts'
import { addJob, jobConverting, jobOf, jobWhen, startDaemon, statusWhen } from '../../helpers/daemon.ts'
import { fileSha256 } from '../../helpers/partial-run.ts'
import { fillDisk, freeDisk, noSmallDisk, smallDisk } from '../../helpers/small-disk.ts'
import { smallPre, smallShape, writeSmallModel } from '../../helpers/small-model.ts'
import { suiteFolder } from '../../helpers/suite-folder.ts'

const mebibyte = 2 ** 20
const twoSizes = /needs \S+ MiB .*only \S+ \w+ are free/

const missing = noSmallDisk()
if (missing !== undefined) console.warn(`Not tested: a daemon on disks that fill up. ${missing}.`)

describe.skipIf(missing !== undefined)('a daemon whose disk fills up', () => {
  const root = suiteFolder()
  const model = () => join(root(), 'model')
  let expected = ''

  beforeAll(async () => {
    // Some 50 MiB of output: a second or more on one thread.
    await writeSmallModel(model(), { dtype: 'BF16' }, { ...smallShape, vocabulary: 96_000 })
    const whole = join(root(), 'whole.gguf')
    const words = ['convert', model(), '--pre', smallPre, '--type', 'Q3_K_M', '--quiet', '--out', whole]
    expect((await mibera([...words, '--state-dir', join(root(), 'whole state')])).status).toBe(0)
    expected = await fileSha256(whole)
  })

  const request = (output: string) => ({
    ...{ model: model(), output, recipe: 'Q3_K_M' as const },
    options: { pre: smallPre },
  })

  test('waits before it begins, with both numbers on the screen, and begins by itself when there is room', async () => {
    const disk = await smallDisk(96)
    const state = join(disk, '..', 'state')
    fillDisk(disk, 20 * mebibyte)
    const { client } = await startDaemon(state)
    const output = join(disk, 'model.gguf')
    const { id } = await addJob(client, request(output))

    const waiting = await jobWhen(client, id, 'waiting')
    expect(waiting.reason?.code).toBe('DISK_TOO_SMALL')
    expect(waiting.reason?.message).toMatch(twoSizes)
    expect(waiting.needsDisk).toBeGreaterThan(50 * mebibyte)
    const screen = (await mibera(['jobs', 'status', '--state-dir', state])).stdout
    expect(screen.replaceAll(/\s+/g, ' ')).toMatch(twoSizes)
    expect(screen).toMatch(/goes on by itself when \S+ MiB are free/)
    expect(existsSync(`${output}.part`)).toBe(false)

    await freeDisk(disk)
    await jobWhen(client, id, 'done')
    expect(await fileSha256(output)).toBe(expected)
  })

  test('in the middle waits with both numbers, keeps what it has, and completes by itself', async () => {
    const disk = await smallDisk(96)
    const { client } = await startDaemon(join(disk, '..', 'state'), ['--threads', '1'])
    const output = join(disk, 'model.gguf')
    const { id } = await addJob(client, request(output))
    await jobConverting(client, id)
    fillDisk(disk, 4 * mebibyte)

    const waiting = await jobWhen(client, id, 'waiting')
    expect(waiting.reason?.code).toBe('DISK_FULL')
    expect(waiting.reason?.message).toMatch(twoSizes)
    expect(waiting.needsDisk).toBeGreaterThan(8 * mebibyte)
    expect(existsSync(`${output}.part`)).toBe(true)

    await freeDisk(disk)
    await jobWhen(client, id, 'done')
    expect(await fileSha256(output)).toBe(expected)
    expect(await keptSlices(client, id)).toBeGreaterThan(0)
  })

  test('and with it the disk of its own records and log completes by itself all the same', async () => {
    const disk = await smallDisk(96)
    const { client } = await startDaemon(join(disk, 'state'), ['--threads', '1'])
    const output = join(disk, 'model.gguf')
    const { id } = await addJob(client, request(output))
    await jobConverting(client, id)
    fillDisk(disk, 0)

    await standstill(client, id)
    await freeDisk(disk)
    await jobWhen(client, id, 'done')
    expect(await fileSha256(output)).toBe(expected)
  })
})

async function keptSlices(client: DaemonClient, id: number): Promise<unknown> {
  const { events } = await jobOf(client, id)
  return events.filter(({ kind }) => kind === 'begun').at(-1)?.detail.keptSlices
}

/** Waits until a job gets no further: that it waits cannot be written down on a full disk. */
async function standstill(client: DaemonClient, id: number): Promise<void> {
  let last = -1
  let same = 0
  await statusWhen(client, ({ jobs }) => {
    const { state, doneBytes = 0 } = jobs.find((job) => job.id === id) ?? {}
    same = doneBytes === last ? same + 1 : 0
    last = doneBytes
    return state === 'waiting' || same >= 4
  })
}
