import { existsSync, readFileSync } from 'node:fs'
import { cp, open, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { readBookmarks } from '#dist/convert/state/bookmarks.js'
import { findConversion } from '#dist/convert/state/conversions.js'
import { databaseFileName } from '#dist/convert/state/database.js'
import { Database } from '#dist/disk/sqlite.js'
import { type Slice, sliceOf } from '#dist/plan/slices.js'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { checkRecord, type DaemonRecord } from './daemon-record.ts'
import { dieAt } from './doomed-daemon.ts'
import { download, newStory, prepareStories, type Stories, type Story, toTheEnd } from './story.ts'

const root = suiteFolder()
let stories: Stories

beforeAll(async () => {
  stories = await prepareStories(root())
})

/** What is left of the part file's bytes that were never promised to be durable. `kept` are the bookmarked slices. */
type Damage = (part: string, kept: readonly Slice[]) => Promise<void>

/** The first two are looked at with MIBERA_LONG=1 only: they are milder than what follows. */
const damages: [string, { damage: Damage; discarded: 'nothing' | 'one slice' | 'everything' }][] = [
  ['is all there', { damage: async () => {}, discarded: 'nothing' }],
  ['is anything', { damage: (part, kept) => keepOnly(part, kept, (at) => (at * 31) % 251), discarded: 'nothing' }],
  ['is zeros', { damage: (part, kept) => keepOnly(part, kept, () => 0), discarded: 'nothing' }],
  ['is cut off', { damage: (part, kept) => truncate(part, endOf(kept)), discarded: 'everything' }],
  ['is zeros, and a bookmarked slice too: the disk lied', { damage: loseOne, discarded: 'one slice' }],
]

describe.skipIf(process.platform === 'win32')('after a power loss that took the newest commits of the database', () => {
  test.each(process.env.MIBERA_LONG === undefined ? damages.slice(2) : damages)(
    'a part file whose un-synced rest %s ends in the same bytes',
    async (title, expected) => {
      const story = await newStory(stories, title.replaceAll(/\W/g, ' '))
      await download(story, 1)
      await dieAt('with the first tensors in work', story.state, story.words)
      await dieAt('before the third batch is recorded', story.state, story.words)
      const earlier = await keepState(story)
      const kept = bookmarkedSlices(story)
      expect(kept.length).toBeGreaterThan(0)
      await dieAt('before the third batch is recorded', story.state, story.words)
      expect(bookmarkedSlices(story).length).toBeGreaterThan(kept.length)

      await restoreState(story)
      await expected.damage(`${story.output}.part`, kept)
      const look = () => checkRecord(story.state, stories.promised)
      if (expected.discarded === 'one slice') expect(look).toThrow()
      else expect(look()).toEqual(earlier)
      const { events } = await toTheEnd(story, earlier)
      const lost = events.flatMap(({ kind, detail }) => (kind === 'discarded' ? [Number(detail.slices)] : []))
      expect(lost).toEqual({ nothing: [], 'one slice': [1], everything: [kept.length] }[expected.discarded])
      const begun = events.findLast(({ kind }) => kind === 'begun')
      expect(begun?.detail.keptSlices).toBe(kept.length - (lost[0] ?? 0))
    },
  )

  test('a file that has got its name before, unknown to the database, is recognised', async () => {
    const story = await newStory(stories, 'published')
    await download(story, 1)
    await dieAt('before the file gets its name', story.state, story.words)
    const earlier = await keepState(story)
    await dieAt('after the job is recorded as done', story.state, story.words)
    expect(existsSync(story.output)).toBe(true)
    await restoreState(story)
    await toTheEnd(story, earlier)
  })
})

/** Sets the state of a dead daemon aside. */
async function keepState({ state }: Story): Promise<DaemonRecord> {
  // A socket cannot be copied; the next daemon makes its own.
  await cp(state, `${state} earlier`, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  return checkRecord(`${state} earlier`, stories.promised)
}

/** Takes the state back to what it was then: all commits since are lost. */
async function restoreState({ state }: Story): Promise<void> {
  await rm(state, { recursive: true })
  await cp(`${state} earlier`, state, { recursive: true })
}

function bookmarkedSlices({ state, output }: Story): Slice[] {
  const database = new Database(join(state, databaseFileName), { readonly: true })
  try {
    const bookmarks = readBookmarks(database, findConversion(database, output)?.id ?? -1)
    return bookmarks.map(({ tensor, slice }) => {
      const planned = stories.promised.plan.tensors[tensor]
      if (planned === undefined) throw new RangeError(`there is no tensor ${tensor}`)
      return sliceOf(planned, slice)
    })
  } finally {
    database.close()
  }
}

/** Keeps the header and the given slices; every other byte becomes what `other` says for its place. */
async function keepOnly(part: string, kept: readonly Slice[], other: (at: number) => number): Promise<void> {
  const before = readFileSync(part)
  const after = Buffer.alloc(before.length).map((_, at) => other(at))
  before.copy(after, 0, 0, stories.promised.plan.files[0]?.header.length)
  for (const { offset, byteLength } of kept) before.copy(after, offset, offset, offset + byteLength)
  await writeFile(part, after)
}

async function loseOne(part: string, kept: readonly Slice[]): Promise<void> {
  await keepOnly(part, kept, () => 0)
  const [first] = kept
  const file = await open(part, 'r+')
  await file.write(Buffer.alloc(first?.byteLength ?? 0), 0, first?.byteLength ?? 0, first?.offset ?? 0)
  await file.close()
}

/** Where the last of these slices ends. */
function endOf(slices: readonly Slice[]): number {
  return Math.max(...slices.map(({ offset, byteLength }) => offset + byteLength))
}
