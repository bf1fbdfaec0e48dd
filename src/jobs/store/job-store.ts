import { basename } from 'node:path'
import { MiberaError } from '../../base/errors.ts'
import { pathsBeside } from '../../convert/output-paths.ts'
import type { StateDatabase } from '../../convert/state/database.ts'
import { fileNames } from '../../plan/plan-files.ts'
import type { Job, JobReason, NewJob } from '../job.ts'
import { type JobState, moves, openStates } from '../states.ts'
import { insertEvent } from './job-events.ts'
import { JobReader } from './job-reader.ts'
import type { JobRow } from './job-row.ts'
import { type PruneLimits, pruneJobs, usualPruning } from './prune.ts'
import * as tensorJobs from './tensor-jobs.ts'

/** How long a lease holds without being renewed, in milliseconds. */
export const leaseMilliseconds = 30_000

/** What changes with a move. What is not given is cleared, but for `attempts`, which stay. */
export interface MoveChange {
  readonly reason?: JobReason
  readonly notBefore?: number
  readonly needsDisk?: number
  readonly attempts?: number
}

export type JobProgress = Pick<Job, 'doneWeights' | 'totalWeights' | 'doneBytes' | 'totalBytes'>

/** A job whose process died, now queued again. */
export interface RecoveredJob {
  readonly job: Job
  /** The tensors that were in work when it died, with their deaths as they now stand. */
  readonly inFlight: readonly tensorJobs.TensorJob[]
}

const ended: readonly JobState[] = ['done', 'failed', 'cancelled']
/** The files that a job is for, those of a split as one: no two open jobs may have any in common. */
function outputsOf({ output, recipe }: Pick<Job, 'output' | 'recipe'>): string[] {
  const recipes = recipe.split(',')
  const files = recipes.map((name) => ({ recipe: name, shard: undefined }))
  return pathsBeside(output, fileNames({ files }, basename(output))).map((paths) => paths.output)
}

const leased: readonly JobState[] = ['running', 'verifying']

/**
 * The jobs of a state directory. Every change of state is one transaction that checks "still in that state" and, for a
 * job in work, "still mine" (taken by this store), and that writes its event; docs/job-states.md draws the states.
 * Several stores may share a database.
 */
export class JobStore extends JobReader {
  readonly #now: () => number
  /** The leases under which this store took jobs. */
  readonly #mine = new Map<number, string>()

  /** @param now milliseconds since the epoch. */
  constructor(database: StateDatabase, now: () => number = Date.now) {
    super(database)
    this.#now = now
  }

  /** @throws MiberaError JOB_EXISTS when an open job makes the same file. */
  add(job: NewJob): Job {
    return this.#atOnce(() => {
      this.#requireFreeOutput(job)
      const { lastInsertRowid } = this.database
        .prepare(
          `INSERT INTO job (model, output, recipe, mix, options, origin, content, priority, state, created_ms)
           VALUES (@model, @output, @recipe, @mix, @options, @origin, @content, @priority, 'queued', @now)`,
        )
        .run({
          ...job,
          options: JSON.stringify(job.options),
          content: job.content ?? null,
          priority: job.priority ?? 0,
          now: this.#now(),
        })
      const id = Number(lastInsertRowid)
      this.addEvent(id, 'added', { model: job.model, output: job.output, recipe: job.recipe })
      return this.require(id)
    })
  }

  /**
   * Moves a job, if it is still in one of the states `from` and, when it is in work, still this store's.
   * @returns false when it is not: somebody else moved it, and the caller must not go on with it.
   * @throws MiberaError JOB_EXISTS when it would be opened again while another job makes the same file; INTERNAL for
   *   a move that docs/job-states.md does not have. Into "running" leads only {@link take}.
   */
  move(id: number, from: JobState | readonly JobState[], to: JobState, change: MoveChange = {}): boolean {
    const states = typeof from === 'string' ? [from] : from
    for (const state of states) {
      if (moves[state].includes(to) && to !== 'running') continue
      throw new MiberaError('INTERNAL', `there is no move of a job from ${state} to ${to}`, { subject: String(id) })
    }
    return this.#atOnce(() => {
      const row = this.row(id)
      if (row === undefined || !states.includes(row.state)) return false
      if (leased.includes(row.state) && !this.#isMine(row)) return false
      this.#setState(row, to, change)
      return true
    })
  }

  /**
   * A move that a person asked for.
   * @throws MiberaError JOB_UNKNOWN; JOB_STATE when the job's state does not allow it; JOB_EXISTS as {@link move}.
   */
  moveAsAsked(id: number, to: 'queued' | 'paused' | 'cancelled', change: MoveChange = {}): Job {
    const { state } = this.require(id)
    const lawful = moves[state].includes(to) && !(to === 'queued' && leased.includes(state))
    if (lawful && this.move(id, state, to, change)) return this.require(id)
    throw new MiberaError('JOB_STATE', `job ${id} is ${state} and cannot become ${to}`, {
      subject: String(id),
      hint: leased.includes(state)
        ? 'It is in work in another process: ask that one.'
        : '"mibera jobs show" tells what became of it.',
    })
  }

  /** Takes a queued job to run it. False when somebody else was first. @param lease names the taking process. */
  take(id: number, lease: string): boolean {
    const taken = this.#atOnce(() => {
      const { changes } = this.database
        .prepare(
          `UPDATE job SET state = 'running', reason = NULL, lease = @lease, lease_until_ms = @until, started_ms = @now,
             ended_ms = NULL, not_before_ms = 0, needs_disk = NULL
           WHERE id = @id AND state = 'queued'`,
        )
        .run({ id, lease, now: this.#now(), until: this.#now() + leaseMilliseconds })
      if (changes === 1) this.addEvent(id, 'moved', { from: 'queued', to: 'running' })
      return changes === 1
    })
    if (taken) this.#mine.set(id, lease)
    return taken
  }

  /** False when the job is no longer this store's: whoever runs it must stop. */
  renewLease(id: number): boolean {
    return (
      this.database
        .prepare('UPDATE job SET lease_until_ms = ? WHERE id = ? AND lease = ?')
        .run(this.#now() + leaseMilliseconds, id, this.#mine.get(id) ?? null).changes === 1
    )
  }

  /**
   * Queues again every job in work whose process is gone: its lease is another's than `lease`, or has run out. For the
   * one process that holds the state directory, at its start.
   */
  recover(lease: string): RecoveredJob[] {
    return this.#atOnce(() =>
      this.database
        .prepare<unknown[], JobRow>(
          `SELECT * FROM job WHERE state IN ('running', 'verifying') AND (lease <> ? OR lease_until_ms <= ?) ORDER BY id`,
        )
        .all(lease, this.#now())
        .map((row) => {
          const inFlight = tensorJobs.countDeaths(this.database, row.id)
          this.addEvent(row.id, 'recovered', { inFlight: inFlight.map(({ name, deaths }) => ({ name, deaths })) })
          this.#setState(row, 'queued', {})
          return { job: this.require(row.id), inFlight }
        }),
    )
  }

  /** False when the job is no longer this store's. */
  saveProgress(id: number, progress: JobProgress): boolean {
    return (
      this.database
        .prepare(
          `UPDATE job SET done_weights = @doneWeights, total_weights = @totalWeights, done_bytes = @doneBytes,
             total_bytes = @totalBytes
           WHERE id = @id AND lease = @lease`,
        )
        .run({ ...progress, id, lease: this.#mine.get(id) ?? null }).changes === 1
    )
  }

  /**
   * To be called before the first slice of a tensor is handed to a thread.
   * @param left tensors whose slices have all left the threads since: they are not to blame if the process dies now.
   */
  tensorStarted(id: number, tensor: tensorJobs.StartedTensor, left: readonly number[] = []): void {
    this.#atOnce(() => {
      tensorJobs.leaveTensors(this.database, id, left)
      tensorJobs.startTensor(this.database, id, tensor, this.#now())
    })
  }

  /** Marks the tensors as done whose slices are all bookmarked: the bookmarks decide, not the caller. */
  tensorsDone(id: number): void {
    tensorJobs.settleTensors(this.database, id, this.#now())
  }

  /** Takes "done" back from tensors whose bookmarks were found wrong and dropped. */
  tensorsUndone(id: number): void {
    tensorJobs.unsettleTensors(this.database, id)
  }

  /** The run ended in order: no tensor is in work any more, and none is to blame. */
  tensorsStopped(id: number): void {
    tensorJobs.stopTensors(this.database, id)
  }

  /** @returns the event's id. */
  addEvent(job: number, kind: string, detail: Readonly<Record<string, unknown>> = {}): number {
    return insertEvent(this.database, { job, at: this.#now(), kind, detail })
  }

  /** Forgets details of long-ended jobs. Worth calling whenever a job has ended. */
  prune(limits: PruneLimits = usualPruning): void {
    pruneJobs(this.database, limits)
  }

  #isMine({ id, lease }: JobRow): boolean {
    return lease !== null && this.#mine.get(id) === lease
  }

  /** Inside a transaction that has checked the move. */
  #setState(row: JobRow, to: JobState, { reason, notBefore, needsDisk, attempts }: MoveChange): void {
    if (!openStates.includes(row.state) && openStates.includes(to)) this.#requireFreeOutput(row)
    const keepsLease = leased.includes(to)
    this.database
      .prepare(
        `UPDATE job SET state = @to, reason = @reason, not_before_ms = @notBefore, needs_disk = @needsDisk,
           attempts = @attempts, lease = @lease, lease_until_ms = @leaseUntil, ended_ms = @ended
         WHERE id = @id`,
      )
      .run({
        id: row.id,
        to,
        reason: reason === undefined ? null : JSON.stringify(reason),
        notBefore: notBefore ?? 0,
        needsDisk: needsDisk ?? null,
        attempts: attempts ?? row.attempts,
        lease: keepsLease ? row.lease : null,
        leaseUntil: keepsLease ? row.lease_until_ms : null,
        ended: ended.includes(to) ? this.#now() : null,
      })
    if (!keepsLease) this.#mine.delete(row.id)
    this.addEvent(row.id, 'moved', { from: row.state, to, ...(reason === undefined ? {} : { reason }) })
  }

  #requireFreeOutput(job: Pick<Job, 'output' | 'recipe'>): void {
    const wanted = new Set(outputsOf(job))
    const made = (other: Pick<Job, 'output' | 'recipe'>) => outputsOf(other).find((path) => wanted.has(path))
    const other = this.database
      .prepare<unknown[], Pick<Job, 'id' | 'output' | 'recipe'>>(
        `SELECT id, output, recipe FROM job WHERE state IN (${openStates.map(() => '?').join(', ')})`,
      )
      .all(...openStates)
      .find((open) => made(open) !== undefined)
    if (other === undefined) return
    const output = made(other) ?? job.output
    throw new MiberaError('JOB_EXISTS', `job ${other.id} makes ${output} already`, {
      subject: output,
      hint: `See "mibera jobs show ${other.id}", cancel it, or name another file with --out.`,
    })
  }

  #atOnce<T>(work: () => T): T {
    return this.database.transaction(work).immediate()
  }
}
