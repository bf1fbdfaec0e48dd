import { MiberaError } from '../../base/errors.ts'
import { pathsBeside } from '../../convert/output-paths.ts'
import { findConversion } from '../../convert/state/conversions.ts'
import type { StateDatabase } from '../../convert/state/database.ts'
import type { RecipeName } from '../../quant/recipes.ts'
import type { Job } from '../job.ts'
import { type JobState, moves } from '../states.ts'
import { type EventFilter, type JobEvent, readEvents } from './job-events.ts'
import { type JobRow, jobOfRow } from './job-row.ts'
import { readTensors, type TensorJob } from './tensor-jobs.ts'

export interface JobFilter {
  readonly states?: readonly JobState[]
  /** "newest": latest made first, the default. "turn": in the order in which they would be taken. */
  readonly order?: 'newest' | 'turn'
  readonly limit?: number
}

/** What can be asked about the jobs of a state directory; a database opened for reading alone suffices. */
export class JobReader {
  protected readonly database: StateDatabase

  constructor(database: StateDatabase) {
    this.database = database
  }

  get(id: number): Job | undefined {
    const row = this.row(id)
    return row === undefined ? undefined : jobOfRow(row)
  }

  /** @throws MiberaError JOB_UNKNOWN */
  require(id: number): Job {
    const job = this.get(id)
    if (job !== undefined) return job
    throw new MiberaError('JOB_UNKNOWN', `there is no job ${id}`, {
      subject: String(id),
      hint: '"mibera jobs list" shows the numbers of all jobs.',
    })
  }

  list({ states, order = 'newest', limit = -1 }: JobFilter = {}): Job[] {
    const where = states === undefined ? '' : `WHERE state IN (${states.map(() => '?').join(', ')})`
    const by = order === 'newest' ? 'id DESC' : 'priority DESC, id'
    return this.database
      .prepare<unknown[], JobRow>(`SELECT * FROM job ${where} ORDER BY ${by} LIMIT ?`)
      .all(...(states ?? []), limit)
      .map(jobOfRow)
  }

  /** How many jobs are in each state. */
  counts(): Record<JobState, number> {
    const counts = Object.fromEntries(Object.keys(moves).map((state) => [state, 0])) as Record<JobState, number>
    const rows = this.database
      .prepare<[], { state: JobState; count: number }>('SELECT state, count(*) AS count FROM job GROUP BY state')
      .all()
    for (const { state, count } of rows) counts[state] = count
    return counts
  }

  /** The job whose turn it is: highest priority first, then the oldest. */
  nextQueued(): Job | undefined {
    return this.list({ states: ['queued'], order: 'turn', limit: 1 })[0]
  }

  /** Waiting jobs whose time has come, in the order in which they would be taken. */
  waitingSince(now: number): Job[] {
    return this.database
      .prepare<[number], JobRow>(
        "SELECT * FROM job WHERE state = 'waiting' AND not_before_ms <= ? ORDER BY priority DESC, id",
      )
      .all(now)
      .map(jobOfRow)
  }

  /** When the time of the next waiting job comes, after `now`; Infinity where none waits for its time. */
  nextWaking(now: number): number {
    const row = this.database
      .prepare<[number], { next: number | null }>(
        "SELECT min(not_before_ms) AS next FROM job WHERE state = 'waiting' AND not_before_ms > ?",
      )
      .get(now)
    return row?.next ?? Number.POSITIVE_INFINITY
  }

  /** The latest job that was to make this file, whatever became of it. */
  newestFor(output: string): Job | undefined {
    return this.#newest('output', output)
  }

  /** The latest job of this model folder, whatever became of it. */
  newestOf(model: string): Job | undefined {
    return this.#newest('model', model)
  }

  /** Whether a job was ever made of this content for this recipe, whatever became of it. */
  hasContent(content: string, recipe: RecipeName): boolean {
    return (
      this.database
        .prepare("SELECT 1 FROM job WHERE content = ? AND ',' || recipe || ',' LIKE ? LIMIT 1")
        .get(content, `%,${recipe},%`) !== undefined
    )
  }

  /** Absolute paths of the files that a job makes or made, as far as it has begun; the output asked for before that. */
  files({ output }: Pick<Job, 'output'>): string[] {
    const names = findConversion(this.database, output)?.files
    return names === undefined ? [output] : pathsBeside(output, names).map((paths) => paths.output)
  }

  tensors(id: number): TensorJob[] {
    return readTensors(this.database, id)
  }

  /** The oldest events that fit the filter, in order. */
  events(filter: EventFilter): JobEvent[] {
    return readEvents(this.database, filter)
  }

  /** The id of the newest event; 0 where there is none. */
  lastEvent(): number {
    const row = this.database.prepare<[], { id: number | null }>('SELECT max(id) AS id FROM event').get()
    return row?.id ?? 0
  }

  #newest(column: 'output' | 'model', value: string): Job | undefined {
    const row = this.database
      .prepare<[string], JobRow>(`SELECT * FROM job WHERE ${column} = ? ORDER BY id DESC LIMIT 1`)
      .get(value)
    return row === undefined ? undefined : jobOfRow(row)
  }

  protected row(id: number): JobRow | undefined {
    return this.database.prepare<[number], JobRow>('SELECT * FROM job WHERE id = ?').get(id)
  }
}
