import { existsSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { checkRecord, countRecovered } from './daemon-record.ts'
import { dieAt, killAfter, spawnDaemon } from './doomed-daemon.ts'
import { migrationMoments, publishMoments } from './moments.ts'
import { download, newStory, nothing, prepareStories, type Stories, toTheEnd } from './story.ts'

/** Kills at random moments; MIBERA_LONG=1 asks for more. */
const long = process.env.MIBERA_LONG !== undefined
const randomKills = long ? 200 : 30
/**
 * One takes 1.2 s on an idle machine, all else that belongs to it included. But a daemon lets others have the processors
 * first: where three busy processes share two of them it gets a tenth of one, and its story takes five times as long.
 */
const millisecondsPerKill = 10_000
/** Every other moment; all of them with MIBERA_LONG=1. */
const some = <T>(moments: readonly T[]) => moments.filter((_, index) => long || index % 2 === 0)
const root = suiteFolder()
let stories: Stories

beforeAll(async () => {
  stories = await prepareStories(root())
})

describe('a daemon killed with SIGKILL', () => {
  const title = `at ${randomKills} random moments of the story, each time started again, ends in the same bytes`
  test(title, { timeout: randomKills * millisecondsPerKill }, async () => {
    const whole = await uncutMilliseconds()
    const tally: Record<string, number> = {}
    let [kills, told, recovered] = [0, 0, 0]
    while (kills < randomKills) {
      const story = await newStory(stories, `story ${++told}`)
      let loaded = Number.POSITIVE_INFINITY
      const loading = download(story, told, 8).then((at) => {
        loaded = at
      })
      let record = nothing
      while (kills < randomKills && record.jobs[0]?.ended === undefined) {
        await killAfter(spawnDaemon(story.state, story.words), Math.random() * whole)
        kills++
        record = checkRecord(story.state, stories.promised, record.events)
        const [job] = record.jobs
        // Nothing starts early, however often the watcher begins anew.
        if (job !== undefined) expect(job.created).toBeGreaterThanOrEqual(loaded)
        const moment = job?.state ?? (Number.isFinite(loaded) ? 'after the download' : 'during the download')
        tally[moment] = (tally[moment] ?? 0) + 1
      }
      await loading
      recovered += countRecovered((await toTheEnd(story, record)).events)
    }
    console.log(`uncut ${whole.toFixed(0)} ms; ${kills} kills in ${told} stories, ${recovered} recovered`, tally)
    expect(recovered).toBeGreaterThan(0)
  })
})

describe.skipIf(process.platform === 'win32')('a daemon killed at the worst moments', { timeout: 60_000 }, () => {
  test.each(some(migrationMoments))('%s begins anew with all of it, and converts', async (moment, schema) => {
    const story = await newStory(stories, moment)
    await download(story, 1)
    await dieAt(moment, story.state, story.words)
    const record = checkRecord(story.state, stories.promised)
    expect(record).toEqual({ schema, jobs: [], events: [] })
    await toTheEnd(story, record)
  })

  test.each(some(publishMoments))('%s ends in the same bytes', async (moment, holds) => {
    const story = await newStory(stories, moment.replaceAll('"', ''))
    await download(story, 1)
    await dieAt(moment, story.state, story.words)
    expect([existsSync(`${story.output}.part`), existsSync(story.output)]).toEqual([holds === 'part', holds === 'file'])
    const record = checkRecord(story.state, stories.promised)
    const after = await toTheEnd(story, record)
    expect(countRecovered(after.events)).toBe(moment === 'after the job is recorded as done' ? 0 : 1)
    // Nothing is made twice: every slice was bookmarked before.
    expect(after.events.filter(({ kind }) => kind === 'discarded')).toEqual([])
  })
})

/** How long a daemon takes from the start of its process to the end of the story, where the model is there already. */
async function uncutMilliseconds(): Promise<number> {
  const story = await newStory(stories, 'uncut')
  await download(story, 0)
  const begun = performance.now()
  await toTheEnd(story, nothing)
  return performance.now() - begun
}
