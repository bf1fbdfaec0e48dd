import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { convertFolder } from '../helpers/convert-folder.ts'
import { smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { type ChildEnd, runChild, type ToldEvent } from './child-run.ts'

/** Kills at random moments; MIBERA_LONG=1 asks for more. */
const randomKills = process.env.MIBERA_LONG === undefined ? 25 : 100

describe('a conversion killed with SIGKILL', () => {
  const folder = suiteFolder()
  const output = () => join(folder(), 'out', 'small.gguf')
  let expected = ''
  let slices = 0

  beforeAll(async () => {
    // Some 50 slices: enough for kills to fall between, before and into them.
    await writeSmallModel(folder(), { shards: 3 }, { ...smallShape, vocabulary: 48_000 })
    const whole = join(folder(), 'whole.gguf')
    await convertFolder(folder(), 'Q4_K_M', whole, { onEvent: (event) => (slices += event.kind === 'slice' ? 1 : 0) })
    expected = await sha256(whole)
  })
  beforeEach(async () => {
    await rm(join(folder(), 'out'), { recursive: true, force: true })
    await mkdir(join(folder(), 'out'))
  })

  /** Resumes to the end, and checks the bytes and that no slice was made that had been bookmarked before. */
  async function resume(bookmarked: number): Promise<ChildEnd> {
    const last = await runChild(folder(), output())
    expect(last.errors).toBe('')
    expect(last.events.at(-1)?.kind).toBe('published')
    expect(await sha256(output())).toBe(expected)
    const kept = last.events.find(({ kind }) => kind === 'begun')?.slices ?? slices
    expect(kept).toBeGreaterThanOrEqual(bookmarked)
    expect(count(last.events, 'slice')).toBe(slices - kept)
    expect(count(last.events, 'discarded')).toBe(0)
    expect(existsSync(`${output()}.part`)).toBe(false)
    return last
  }

  const moments: [string, (events: readonly ToldEvent[]) => boolean][] = [
    ['inside the first slice', (events) => events.at(-1)?.kind === 'begun'],
    ['between a slice and its bookmark', (events) => count(events, 'slice') === 5],
    ['just after a bookmark', (events) => count(events, 'bookmarked') === 3],
    ['during the read-back', (events) => events.at(-1)?.kind === 'reading-back'],
    ['in the middle of the read-back', (events) => count(events, 'read-back') === 8],
    ['just before it gets its name', (events) => events.at(-1)?.kind === 'publishing'],
  ]
  test.each(moments)('%s ends in the same bytes', async (_, at) => {
    const first = await runChild(folder(), output(), { at })
    expect(first.killed).toBe(true)
    await resume(bookmarkedSlices(first.events))
  })

  test(`at ${randomKills} random moments ends in the same bytes, and only un-synced slices are made twice`, async () => {
    const uncut = performance.now()
    await runChild(folder(), output())
    const duration = performance.now() - uncut
    let killed = 0
    while (killed < randomKills) {
      await rm(output(), { force: true })
      let bookmarked = 0
      // Kill again and again while one conversion makes its way, then begin the next.
      for (let end: ChildEnd | undefined; killed < randomKills && end?.events.at(-1)?.kind !== 'published'; killed++) {
        end = await runChild(folder(), output(), { after: Math.random() * duration })
        const kept = end.events.find(({ kind }) => kind === 'begun')?.slices
        if (kept !== undefined) expect(kept).toBeGreaterThanOrEqual(bookmarked)
        bookmarked = Math.max(bookmarked, kept ?? 0) + bookmarkedSlices(end.events)
        if (!end.killed) break
      }
      if (existsSync(output())) expect(await sha256(output())).toBe(expected)
      else await resume(bookmarked)
    }
  })
})

function count(events: readonly ToldEvent[], kind: string): number {
  return events.filter((event) => event.kind === kind).length
}

/** Slices that were announced as durable. */
function bookmarkedSlices(events: readonly ToldEvent[]): number {
  return events.reduce((sum, { kind, slices }) => sum + (kind === 'bookmarked' ? (slices ?? 0) : 0), 0)
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}
