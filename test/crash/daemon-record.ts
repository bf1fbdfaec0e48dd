import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Bookmark, readBookmarks } from '#dist/convert/state/bookmarks.js'
import { findConversion } from '#dist/convert/state/conversions.js'
import { databaseFileName, type StateDatabase } from '#dist/convert/state/database.js'
import { Database } from '#dist/disk/sqlite.js'
import type { Job } from '#dist/jobs/job.js'
import { type JobState, moves } from '#dist/jobs/states.js'
import type { JobEvent } from '#dist/jobs/store/job-events.js'
import { JobStore } from '#dist/jobs/store/job-store.js'
import type { Plan } from '#dist/plan/plan.js'
import { sliceCount, sliceOf } from '#dist/plan/slices.js'

/** What a state directory says while no daemon runs. */
export interface DaemonRecord {
  /** Of how many migrations the database knows. */
  readonly schema: number
  readonly jobs: readonly Job[]
  readonly events: readonly JobEvent[]
}

/** What the file of a conversion must hold, wherever it holds anything. */
export interface Promised {
  readonly plan: Plan
  readonly bytes: Uint8Array
}

const inWork: readonly JobState[] = ['running', 'verifying']
const latestSchema = 2

/**
 * Reads what a dead daemon left, changing nothing, and holds it against the truth: every event is there and in its
 * place, and whatever is marked as done is in the file.
 * @param before the record of an earlier look, whose events must all still be there.
 */
export function checkRecord(
  stateDirectory: string,
  promised: Promised,
  before: readonly JobEvent[] = [],
): DaemonRecord {
  const path = join(stateDirectory, databaseFileName)
  if (!existsSync(path)) return { schema: 0, jobs: [], events: [] }
  const database = new Database(path, { readonly: true })
  try {
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
    const schema = Number(database.pragma('user_version', { simple: true }))
    if (schema < latestSchema) return { schema, jobs: [], events: [] }
    const store = new JobStore(database)
    const jobs = store.list()
    const events = store.events({ limit: 100_000 })
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1))
    expect(events.slice(0, before.length)).toEqual(before)
    for (const job of jobs) {
      checkEvents(
        events.filter((event) => event.job === job.id),
        job.state,
      )
      checkWork(database, store, job, promised)
    }
    return { schema, jobs, events }
  } finally {
    database.close()
  }
}

/** Deaths that were found in the middle of a job. */
export function countRecovered(events: readonly JobEvent[]): number {
  return events.filter(({ kind }) => kind === 'recovered').length
}

/** The events of a job lead, move by lawful move, to the state it is in; what a death interrupts is recovered. */
function checkEvents(events: readonly JobEvent[], state: JobState): void {
  let at: unknown
  for (const [index, { kind, detail }] of events.entries()) {
    if (kind === 'added') {
      expect(index).toBe(0)
      at = 'queued'
    } else if (kind === 'recovered') {
      expect(inWork).toContain(at)
      expect(events[index + 1]).toMatchObject({ kind: 'moved', detail: { from: at, to: 'queued' } })
    } else if (kind === 'moved') {
      expect(detail.from).toBe(at)
      expect(moves[at as JobState]).toContain(detail.to)
      // Nothing but a death gives back what is in work here.
      if (inWork.includes(at as JobState) && detail.to === 'queued') expect(events[index - 1]?.kind).toBe('recovered')
      at = detail.to
    } else {
      // Whatever else happens, happens while it is in work.
      expect(inWork).toContain(at)
    }
  }
  expect(at).toBe(state)
}

/** A tensor is marked as done only with all its slices bookmarked, and what is bookmarked is in the file. */
function checkWork(database: StateDatabase, store: JobStore, job: Job, { plan, bytes }: Promised): void {
  if (job.state === 'done') expect(Buffer.compare(readFileSync(job.output), bytes)).toBe(0)
  const bookmarks = readBookmarks(database, findConversion(database, job.output)?.id ?? -1)
  for (const { tensor, state, slices } of store.tensors(job.id)) {
    const planned = plan.tensors[tensor]
    expect(slices).toBe(planned && sliceCount(planned))
    // The bookmarks of a file that has its name are forgotten.
    if (state !== 'done' || job.state === 'done') continue
    expect(bookmarks.filter((bookmark) => bookmark.tensor === tensor)).toHaveLength(slices)
  }
  if (bookmarks.length === 0) return
  const part = `${job.output}.part`
  const file = readFileSync(existsSync(part) ? part : job.output)
  expect(bookmarks.filter((bookmark) => !holds(file, bytes, plan, bookmark))).toEqual([])
}

function holds(file: Buffer, bytes: Uint8Array, { tensors }: Plan, { tensor, slice }: Bookmark): boolean {
  const planned = tensors[tensor]
  if (planned === undefined) return false
  const { offset, byteLength } = sliceOf(planned, slice)
  return file.subarray(offset, offset + byteLength).equals(bytes.subarray(offset, offset + byteLength))
}
