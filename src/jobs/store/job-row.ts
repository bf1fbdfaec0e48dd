import type { Job, JobReason } from '../job.ts'
import type { JobOptions } from '../job-options.ts'

/** A row of the table "job" as SQLite gives it. */
export interface JobRow {
  readonly id: number
  readonly model: string
  readonly output: string
  readonly recipe: Job['recipe']
  readonly mix: Job['mix']
  readonly options: string
  readonly origin: Job['origin']
  readonly content: string | null
  readonly priority: number
  readonly state: Job['state']
  readonly reason: string | null
  readonly attempts: number
  readonly not_before_ms: number
  readonly needs_disk: number | null
  readonly lease: string | null
  readonly lease_until_ms: number | null
  readonly done_weights: number
  readonly total_weights: number
  readonly done_bytes: number
  readonly total_bytes: number
  readonly created_ms: number
  readonly started_ms: number | null
  readonly ended_ms: number | null
}

export function jobOfRow(row: JobRow): Job {
  return {
    id: row.id,
    model: row.model,
    output: row.output,
    recipe: row.recipe,
    mix: row.mix,
    options: JSON.parse(row.options) as JobOptions,
    origin: row.origin,
    content: row.content ?? undefined,
    priority: row.priority,
    state: row.state,
    reason: row.reason === null ? undefined : (JSON.parse(row.reason) as JobReason),
    attempts: row.attempts,
    notBefore: row.not_before_ms,
    needsDisk: row.needs_disk ?? undefined,
    doneWeights: row.done_weights,
    totalWeights: row.total_weights,
    doneBytes: row.done_bytes,
    totalBytes: row.total_bytes,
    created: row.created_ms,
    started: row.started_ms ?? undefined,
    ended: row.ended_ms ?? undefined,
  }
}
