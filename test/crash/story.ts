import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { trickleDownload } from '../../fixtures/trickle-download.ts'
import { killDaemon, startDaemon, statusWhen } from '../helpers/daemon.ts'
import { checkRecord, type DaemonRecord, type Promised } from './daemon-record.ts'
import { convertInForeground, storyRecipe, watchWords, writeStoryModel } from './story-model.ts'

const quietSeconds = 0.1

/** What stories that are told again and again have in common: the model, and what must come of it. */
export interface Stories {
  readonly root: string
  readonly model: string
  readonly promised: Promised
}

export async function prepareStories(root: string): Promise<Stories> {
  const { folder, plan } = await writeStoryModel(join(root, 'source', 'phi'))
  const output = await convertInForeground(folder, join(root, 'source'))
  return { root, model: folder, promised: { plan, bytes: readFileSync(output) } }
}

export const nothing: DaemonRecord = { schema: 0, jobs: [], events: [] }

export interface Story {
  readonly stories: Stories
  readonly state: string
  readonly watch: string
  readonly words: readonly string[]
  readonly output: string
}

/** An empty watch folder and an empty state directory. */
export async function newStory(stories: Stories, name: string): Promise<Story> {
  const watch = join(stories.root, name, 'watch')
  await mkdir(watch, { recursive: true })
  const output = join(watch, `phi-${storyRecipe}.gguf`)
  const words = [...watchWords(watch, quietSeconds), '--threads', '1']
  return { stories, state: join(stories.root, name, 'state'), watch, words, output }
}

/** The download, a piece every `pause` milliseconds, whatever becomes of the daemon. Resolves to the time of its end. */
export async function download({ stories, watch }: Story, seed: number, pause = 0): Promise<number> {
  const options = { style: 'part-suffix', seed, pieceBytes: 400_000, onStep: () => delay(pause) } as const
  await trickleDownload(stories.model, join(watch, 'phi'), options)
  return Date.now()
}

/** Lets a daemon come to the end of the story, and looks at everything once more. */
export async function toTheEnd(story: Story, before: DaemonRecord): Promise<DaemonRecord> {
  const { client, pid } = await startDaemon(story.state, story.words)
  let { jobs } = await statusWhen(client, ({ counts }) => counts.done + counts.failed > 0)
  if (jobs[0]?.reason?.code === 'CRASH_LOOP') {
    // Kills that happen to meet one tensor three times in a row look like its fault; a person would try again.
    await client.ask('POST', `/v1/jobs/${jobs[0].id}/retry`)
    jobs = (await statusWhen(client, ({ counts }) => counts.done > 0)).jobs
  }
  expect(jobs).toMatchObject([{ state: 'done', reason: null, attempts: 0 }])
  await killDaemon(story.state, pid)
  const record = checkRecord(story.state, story.stories.promised, before.events)
  expect(record.jobs).toHaveLength(1)
  expect(existsSync(`${story.output}.part`)).toBe(false)
  return record
}
