import type { StateDatabase } from '../../convert/state/database.ts'

/** How much is kept of jobs that have ended. What is open is always kept whole. */
export interface PruneLimits {
  /** The newest ended jobs that keep their events and tensors. */
  readonly detailed: number
  /** The newest ended jobs that are kept at all. */
  readonly jobs: number
}

/** About 1 kB for a job, 30 kB with the events and tensors of a large model: some 13 MB in all. */
export const usualPruning: PruneLimits = { detailed: 100, jobs: 10_000 }

const ended = "state IN ('done', 'failed', 'cancelled')"

/**
 * Forgets the details of long-ended jobs, and the oldest jobs altogether. A job that the watcher made is kept as long
 * as it can be: it is the memory that its content has been converted.
 */
export function pruneJobs(database: StateDatabase, { detailed, jobs }: PruneLimits): void {
  const beyond = (count: number) =>
    `(SELECT id FROM job WHERE ${ended} ORDER BY ended_ms DESC, id DESC LIMIT -1 OFFSET ${count})`
  database
    .transaction(() => {
      database.prepare(`DELETE FROM event WHERE job IN ${beyond(detailed)}`).run()
      // A failed job's tensors hold its deaths: whoever retries it needs them.
      database
        .prepare(
          `DELETE FROM tensor_job WHERE job IN ${beyond(detailed)}
           AND job NOT IN (SELECT id FROM job WHERE state = 'failed')`,
        )
        .run()
      database
        .prepare(
          `DELETE FROM job WHERE id IN
             (SELECT id FROM job WHERE ${ended} ORDER BY content IS NULL, ended_ms DESC, id DESC LIMIT -1 OFFSET ?)`,
        )
        .run(jobs)
      pruneConversions(database)
    })
    .immediate()
}

/** Of finished files nothing is needed any more but that they are: their reports hold the rest. */
function pruneConversions(database: StateDatabase): void {
  const settled = `(SELECT id FROM conversion WHERE state = 'done' AND output NOT IN
    (SELECT output FROM job WHERE state IN ('waiting', 'queued', 'running', 'verifying', 'paused')))`
  database.prepare(`DELETE FROM bookmark WHERE conversion IN ${settled}`).run()
  database.prepare(`DELETE FROM kept_plan WHERE conversion IN ${settled}`).run()
}
