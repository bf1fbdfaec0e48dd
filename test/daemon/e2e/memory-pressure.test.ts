import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addJob, jobConverting, startDaemon, statusWhen } from '../../helpers/daemon.ts'
import { noProcessFigures, residentBytes, threadCount } from '../../helpers/process-figures.ts'
import { smallPre, smallShape, writeSmallModel } from '../../helpers/small-model.ts'
import { suiteFolder } from '../../helpers/suite-folder.ts'

const mebibyte = 2 ** 20
const budget = 256 * mebibyte
const floor = 200 * mebibyte
const plenty = 2 * floor
const threads = 3

interface Sample {
  readonly seconds: number
  /** That conversions may use. */
  readonly threads: number
  /** Of the operating system. */
  readonly systemThreads: number
  readonly resident: number
}

const root = suiteFolder()

/** What the memory guard reads: replaced in one step, so that it never sees half a number. */
async function tellAvailable(bytes: number): Promise<void> {
  await writeFile(join(root(), 'available.new'), String(bytes))
  await rename(join(root(), 'available.new'), join(root(), 'available'))
}

if (noProcessFigures !== undefined) console.warn(`Not tested: a daemon short of memory. ${noProcessFigures}.`)

test.skipIf(noProcessFigures !== undefined)(
  'short of memory the daemon gives up threads down to one, takes them back, and stays within its budget',
  async () => {
    const state = join(root(), 'state')
    await mkdir(state)
    await tellAvailable(plenty)
    const settings = { memoryFile: join(root(), 'available'), memoryFloor: floor, maxMemory: budget, threads }
    await writeFile(join(state, 'settings.json'), JSON.stringify(settings))
    // Many weights, none of them on the disk.
    const shape = { ...smallShape, layers: 12, hidden: 2048, feedForward: 8192, heads: 16, kvHeads: 4 }
    await writeSmallModel(join(root(), 'model'), { sparse: true }, { ...shape, vocabulary: 64_000 })
    const { pid, client } = await startDaemon(state)
    for (const name of ['1.gguf', '2.gguf', '3.gguf', '4.gguf']) {
      const job = { model: join(root(), 'model'), output: join(root(), name), recipe: 'Q2_K' as const }
      await addJob(client, { ...job, options: { pre: smallPre } })
    }

    const begun = performance.now()
    const curve: Sample[] = []
    const until = async (wanted: number) => {
      await statusWhen(client, ({ daemon, jobs }) => {
        const now = daemon?.threads ?? 0
        const seconds = (performance.now() - begun) / 1000
        const sample = { seconds, threads: now, systemThreads: threadCount(pid), resident: residentBytes(pid) }
        curve.push(sample)
        return now === wanted && jobs.some((job) => job.live?.phase === 'converting' && job.fraction > 0)
      })
    }
    await jobConverting(client, 1)
    await until(threads)
    await tellAvailable(floor - 1)
    await until(1)
    await tellAvailable(plenty)
    await until(2)
    await until(threads)
    console.log(drawn(curve))

    expect(steps(curve)).toEqual([threads, 1, 2, threads])
    expect(Math.max(...curve.map(({ resident }) => resident))).toBeLessThan(budget)
    // The limit is not only said: the threads are gone, and their memory with them.
    const full = lastWith(
      curve.slice(
        0,
        curve.findIndex((sample) => sample.threads === 1),
      ),
      threads,
    )
    const shed = leastWith(curve, 1)
    expect(full.systemThreads - shed.systemThreads).toBe(threads - 1)
    expect(shed.resident).toBeLessThan(full.resident)
    expect(lastWith(curve, threads).systemThreads).toBe(full.systemThreads)
  },
)

function lastWith(curve: readonly Sample[], limit: number): Sample {
  const found = curve.findLast((sample) => sample.threads === limit)
  if (found === undefined) throw new Error(`there were never ${limit} threads`)
  return found
}

/** A thread may have started again already when the daemon's last word still is that there are fewer. */
function leastWith(curve: readonly Sample[], limit: number): Sample {
  const [least] = curve
    .filter((sample) => sample.threads === limit)
    .sort((a, b) => a.systemThreads - b.systemThreads || a.resident - b.resident)
  if (least === undefined) throw new Error(`there were never ${limit} threads`)
  return least
}

/** The thread limits in the order in which they were seen. */
function steps(curve: readonly Sample[]): number[] {
  return curve.map(({ threads: now }) => now).filter((now, index, all) => now !== all[index - 1])
}

function drawn(curve: readonly Sample[]): string {
  const lines = curve.map(({ seconds, threads: now, systemThreads, resident }) => {
    const size = resident / mebibyte
    const facts = `${seconds.toFixed(1).padStart(5)} s  ${now} threads (${systemThreads} of the process)`
    return `${facts}  ${size.toFixed(0).padStart(4)} MiB  ${'█'.repeat(Math.round(size / 10))}`
  })
  return [`memory of the daemon, budget ${budget / mebibyte} MiB:`, ...lines].join('\n')
}
