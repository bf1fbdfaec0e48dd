import type { StateDatabase } from '../../convert/state/database.ts'

/** Something that happened to a job, for people and for live views. */
export interface JobEvent {
  /** Rises with every event of every job; where a reader left off. */
  readonly id: number
  readonly job: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** "added", "moved", "recovered", or a kind of whoever runs jobs. */
  readonly kind: string
  readonly detail: Readonly<Record<string, unknown>>
}

export interface EventFilter {
  readonly job?: number
  /** Only events with a greater id. */
  readonly after?: number
  readonly limit: number
}

export function insertEvent(database: StateDatabase, event: Omit<JobEvent, 'id'>): number {
  const { lastInsertRowid } = database
    .prepare('INSERT INTO event (job, at_ms, kind, detail) VALUES (?, ?, ?, ?)')
    .run(event.job, event.at, event.kind, JSON.stringify(event.detail))
  return Number(lastInsertRowid)
}

/** The oldest events that fit the filter, in order. */
export function readEvents(database: StateDatabase, { job, after = 0, limit }: EventFilter): JobEvent[] {
  const rows = database
    .prepare<unknown[], Omit<JobEvent, 'detail'> & { detail: string }>(
      `SELECT id, job, at_ms AS at, kind, detail FROM event
       WHERE id > @after ${job === undefined ? '' : 'AND job = @job'} ORDER BY id LIMIT @limit`,
    )
    .all({ after, job, limit })
  return rows.map((row) => ({ ...row, detail: JSON.parse(row.detail) as JobEvent['detail'] }))
}
