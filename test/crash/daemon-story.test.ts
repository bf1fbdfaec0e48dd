import { readdirSync, statSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type TrickleOptions, trickleDownload } from '../../fixtures/trickle-download.ts'
import { jobOf, startDaemon, statusOf, statusWhen } from '../helpers/daemon.ts'
import { fileSha256 } from '../helpers/partial-run.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { convertInForeground, storyRecipe, storyShards, watchWords, writeStoryModel } from './story-model.ts'

const quietSeconds = 1
const root = suiteFolder()

beforeAll(async () => {
  await writeStoryModel(join(root(), 'source'))
})

/** A folder of each style's own, as its programs name it. */
const styles: [TrickleOptions['style'], string, string][] = [
  ['part-suffix', 'phi', 'phi'],
  ['plain', 'phi', 'phi'],
  ['hf-cache', 'models--org--phi', 'phi'],
]

describe('a daemon on an empty watch folder', () => {
  test.each(styles)('waits for a download of 13 shards (%s) and converts it by itself', async (style, entry, name) => {
    const watch = join(root(), style)
    await mkdir(watch)
    const { client } = await startDaemon(join(root(), `${style} state`), watchWords(watch, quietSeconds))
    expect(await statusOf(client)).toMatchObject({ jobs: [], folders: [] })

    const progress = new RegExp(`^\\d+ of ${storyShards} shards`)
    let steps = 0
    await trickleDownload(join(root(), 'source'), join(watch, entry), {
      ...{ style, seed: 13, pieceBytes: 400_000 },
      onStep: async () => {
        const { jobs } = await statusOf(client)
        // Nothing starts early, and nothing is written where the output will be.
        expect(jobs).toEqual([])
        expect(readdirSync(watch).filter((file) => file.includes('.gguf'))).toEqual([])
        // The daemon looks no more often than it has to: here the download waits until it has.
        if (++steps !== stepsToProgress) return
        await statusWhen(client, ({ folders: [folder] }) => {
          return folder?.state === 'downloading' && progress.test(folder.reason)
        })
      },
    })
    const last = lastChange(join(watch, entry))

    const { jobs, folders } = await statusWhen(client, ({ counts }) => counts.done + counts.failed > 0)
    const [job] = jobs
    expect(job).toMatchObject({ state: 'done', recipe: storyRecipe, origin: 'watcher' })
    expect(jobs).toHaveLength(1)
    expect(folders).toMatchObject([{ state: 'complete' }])

    const waited = ((job?.started ?? 0) - last) / 1000
    console.log(`${style}: ${steps} steps; begun ${waited.toFixed(2)} s after the last byte`)
    expect(waited).toBeGreaterThanOrEqual(quietSeconds - clockGrain)
    expect(waited).toBeLessThan(quietSeconds + 2)

    const output = join(watch, `${name}-${storyRecipe}.gguf`)
    expect(job?.output).toBe(output)
    expect((await readdir(watch)).filter((file) => file.endsWith('.part'))).toEqual([])
    const foreground = await convertInForeground(job?.model ?? '', join(root(), `${style} state`))
    expect(await fileSha256(output)).toBe(await fileSha256(foreground))
    expect(statSync(output).size).toBeGreaterThan(5e6)
    expect((await jobOf(client, job?.id ?? 0)).tensors.every(({ state }) => state === 'done')).toBe(true)
  })
})

/** Of more than a hundred: the index and some shards are there. */
const stepsToProgress = 80

/** Times of files come from a clock that the kernel moves on only every few milliseconds. */
const clockGrain = 0.02

/** When anything under `folder` changed last, in milliseconds since the epoch. */
function lastChange(folder: string): number {
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return Math.max(...all.map((name) => statSync(join(folder, name)).mtimeMs))
}
