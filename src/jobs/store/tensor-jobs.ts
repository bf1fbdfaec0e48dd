import type { StateDatabase } from '../../convert/state/database.ts'

/** One tensor of a job that was begun. */
export interface TensorJob {
  /** Position in the plan. */
  readonly tensor: number
  readonly name: string
  readonly slices: number
  readonly state: 'running' | 'stopped' | 'done'
  /** How often in a row the process died with it in work, without a further slice of it bookmarked. */
  readonly deaths: number
  /** Milliseconds since the epoch. */
  readonly started: number
  readonly ended: number | null
}

const columns = 'tensor, name, slices, state, deaths, started_ms AS started, ended_ms AS ended'

/** How many slices of the tensor are bookmarked for the job's output: what "done" is judged by, never by hearsay. */
const bookmarkedNow = `(SELECT count(*) FROM bookmark
  JOIN conversion ON conversion.id = bookmark.conversion
  JOIN job ON job.output = conversion.output
  WHERE job.id = tensor_job.job AND bookmark.tensor = tensor_job.tensor)`

/** A tensor that is about to be begun. */
export interface StartedTensor extends Pick<TensorJob, 'tensor' | 'name' | 'slices'> {
  /** It is other machines that it is handed to, not the threads of this process. */
  readonly elsewhere: boolean
}

/** Records that a tensor is about to be handed to the threads, or to other machines. */
export function startTensor(
  database: StateDatabase,
  job: number,
  { tensor, name, slices, elsewhere }: StartedTensor,
  now: number,
): void {
  database
    .prepare(
      `INSERT INTO tensor_job (job, tensor, name, slices, state, elsewhere, started_ms)
       VALUES (?, ?, ?, ?, 'running', ?, ?)
       ON CONFLICT (job, tensor) DO UPDATE SET
         elsewhere = CASE WHEN state = 'running' THEN min(elsewhere, excluded.elsewhere) ELSE excluded.elsewhere END,
         name = excluded.name, slices = excluded.slices, state = 'running', ended_ms = NULL`,
    )
    .run(job, tensor, name, slices, elsewhere ? 1 : 0, now)
}

/** Marks as done those begun tensors whose slices are all bookmarked, and as stopped those that no longer are. */
export function settleTensors(database: StateDatabase, job: number, now: number): void {
  database
    .prepare(
      `UPDATE tensor_job SET state = 'done', deaths = 0, ended_ms = ?
       WHERE job = ? AND state <> 'done' AND slices <= ${bookmarkedNow}`,
    )
    .run(now, job)
}

/** Takes back "done" where bookmarks were dropped because the file did not hold what they said. */
export function unsettleTensors(database: StateDatabase, job: number): void {
  database
    .prepare(
      `UPDATE tensor_job SET state = 'stopped', ended_ms = NULL
       WHERE job = ? AND state = 'done' AND slices > ${bookmarkedNow}`,
    )
    .run(job)
}

/** An orderly end: what was in work is not any more, and nobody died of it. */
export function stopTensors(database: StateDatabase, job: number): void {
  database.prepare("UPDATE tensor_job SET state = 'stopped' WHERE job = ? AND state = 'running'").run(job)
}

/** No slice of these is in work any more, though not all of them are bookmarked. */
export function leaveTensors(database: StateDatabase, job: number, tensors: readonly number[]): void {
  const leave = database.prepare(
    "UPDATE tensor_job SET state = 'stopped' WHERE job = ? AND tensor = ? AND state = 'running'",
  )
  for (const tensor of tensors) leave.run(job, tensor)
}

/**
 * The process died: every tensor still in work counts a death, unless a further slice of it was bookmarked since its
 * last one. A tensor that gets ahead is not what the process dies of; a large one may meet many power cuts.
 * @returns the tensors that were in work.
 */
export function countDeaths(database: StateDatabase, job: number): TensorJob[] {
  const running = database
    .prepare<[number], { tensor: number; bookmarkedNow: number }>(
      `SELECT tensor, ${bookmarkedNow} AS bookmarkedNow FROM tensor_job WHERE job = ? AND state = 'running' AND elsewhere = 0`,
    )
    .all(job)
  const count = database.prepare(
    `UPDATE tensor_job SET state = 'stopped', bookmarked = @now,
       deaths = CASE WHEN @now > bookmarked THEN 1 ELSE deaths + 1 END
     WHERE job = @job AND tensor = @tensor`,
  )
  for (const { tensor, bookmarkedNow: now } of running) count.run({ job, tensor, now })
  stopTensors(database, job)
  const dead = new Set(running.map(({ tensor }) => tensor))
  return readTensors(database, job).filter(({ tensor }) => dead.has(tensor))
}

export function readTensors(database: StateDatabase, job: number): TensorJob[] {
  return database
    .prepare<[number], TensorJob>(`SELECT ${columns} FROM tensor_job WHERE job = ? ORDER BY tensor`)
    .all(job)
}
