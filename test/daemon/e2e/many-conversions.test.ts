import { statSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { Status } from '#dist/daemon/protocol.js'
import { addJob, startDaemon, statusOf, statusWhen } from '../../helpers/daemon.ts'
import { noProcessFigures, openHandles, residentBytes, threadCount } from '../../helpers/process-figures.ts'
import { smallPre, smallShape, writeSmallModel } from '../../helpers/small-model.ts'
import { suiteFolder } from '../../helpers/suite-folder.ts'

/** `MIBERA_LONG=1` runs the whole thousand; some minutes. */
const long = process.env.MIBERA_LONG === '1'
const conversions = long ? 1000 : 60
/** From here on the daemon has loaded and reserved what it needs. */
const settled = long ? 100 : 20
/** Looked at in so many runs: each long enough for what single conversions take and give back to even out. */
const windowCount = long ? 9 : 2
const mebibyte = 2 ** 20

interface Sample {
  readonly done: number
  readonly resident: number
  readonly handles: number
  readonly threads: number
}

const root = suiteFolder()
const state = () => join(root(), 'state')
const outputOf = (index: number) => join(root(), 'made', `${index}.gguf`)

beforeAll(async () => {
  await mkdir(join(root(), 'made'))
  await writeSmallModel(join(root(), 'model'), { dtype: 'BF16' }, { ...smallShape, layers: 1 })
})

if (noProcessFigures !== undefined) console.warn(`Not tested: what many conversions leave behind. ${noProcessFigures}.`)

test.skipIf(noProcessFigures !== undefined)(
  `${conversions} conversions in line leave the daemon as it was: memory, handles, database`,
  async () => {
    const { pid, client } = await startDaemon(state(), ['--threads', '2'])
    const idle = openHandles(pid)
    for (let index = 0; index < conversions; index++) {
      const recipe = index % 2 === 0 ? 'Q3_K_M' : 'Q8_0'
      await addJob(client, {
        ...{ model: join(root(), 'model'), output: outputOf(index), recipe },
        options: { pre: smallPre },
      })
    }
    const samples: Sample[] = []
    let removed = 0
    const begun = performance.now()
    await statusWhen(client, ({ counts }) => {
      samples.push({
        done: counts.done,
        resident: residentBytes(pid),
        handles: openHandles(pid).length,
        threads: threadCount(pid),
      })
      // What is finished is judged by its number alone: the disk is not filled.
      for (; removed < counts.done - 1; removed++) void rm(outputOf(removed), { force: true })
      return ended(counts) === conversions
    })
    const seconds = (performance.now() - begun) / 1000

    const { counts } = await statusOf(client)
    const database = databaseBytes()
    const left = openHandles(pid)
    console.log(figures(samples, { seconds, database, idle: idle.length, left: left.length }))

    expect(counts).toMatchObject({ done: conversions, failed: 0, waiting: 0, queued: 0 })
    expect(database).toBeLessThan(50 * mebibyte)

    // Files and event queues are as they were; a connection may still be closing.
    expect(sorted(left.filter((handle) => handle !== 'socket'))).toEqual(
      sorted(idle.filter((handle) => handle !== 'socket')),
    )
    expect(left.length).toBeLessThan(idle.length + 4)
    const windows = windowsOf(samples)
    const first = windows[0] ?? []
    const last = windows.at(-1) ?? []
    expect(most(last, 'handles')).toBeLessThan(most(first, 'handles') + 16)
    expect(most(last, 'threads')).toBeLessThan(most(first, 'threads') + 4)
    const deviations = windows.map((window) => Math.abs(typicalResident(window) - typicalResident(first)))
    expect(Math.max(...deviations)).toBeLessThan(20 * mebibyte)
    expect((await readdir(join(root(), 'made'))).filter((name) => name.endsWith('.part'))).toEqual([])
  },
  long ? 1_800_000 : 240_000,
)

function ended(counts: Status['counts']): number {
  return counts.done + counts.failed + counts.cancelled
}

function databaseBytes(): number {
  const files = ['mibera.db', 'mibera.db-wal'].map((name) => statSync(join(state(), name), { throwIfNoEntry: false }))
  return files.reduce((sum, file) => sum + (file?.size ?? 0), 0)
}

/** The samples in runs of equally many conversions. */
function windowsOf(samples: readonly Sample[]): Sample[][] {
  const width = (conversions - settled) / windowCount
  return Array.from({ length: windowCount }, (_, index) => {
    const from = settled + index * width
    return samples.filter(({ done }) => done >= from && (done < from + width || index === windowCount - 1))
  })
}

function most(samples: readonly Sample[], figure: 'handles' | 'threads' | 'resident'): number {
  return Math.max(...samples.map((sample) => sample[figure]))
}

/** The median: what one conversion needs comes and goes. */
function typicalResident(samples: readonly Sample[]): number {
  return samples.map(({ resident }) => resident).toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? Number.NaN
}

function sorted(names: readonly string[]): string[] {
  return names.toSorted()
}

function figures(
  samples: readonly Sample[],
  { seconds, database, idle, left }: { seconds: number; database: number; idle: number; left: number },
): string {
  const whole = (bytes: number) => Math.round(bytes / mebibyte)
  const curve = windowsOf(samples).map((window) => {
    const { done } = window[0] ?? { done: 0 }
    return `  from ${done} on: ${whole(typicalResident(window))} MiB, at most ${whole(most(window, 'resident'))} MiB, at most ${most(window, 'handles')} handles, ${most(window, 'threads')} threads`
  })
  return [
    `${conversions} conversions in ${Math.round(seconds)} s; database ${(database / mebibyte).toFixed(2)} MiB`,
    `handles open before ${idle}, after ${left}; the daemon's memory (median):`,
    ...curve,
  ].join('\n')
}
