/** States of a job; docs/job-states.md draws them. */
export type JobState =
  /** Something outside has to change first: disk space, a retry's time. `reason` says what. */
  | 'waiting'
  /** Waits for its turn. */
  | 'queued'
  | 'running'
  /** All slices are made; the file is being read back and published. */
  | 'verifying'
  /** A person stopped it; the part file stays. */
  | 'paused'
  | 'done'
  /** It ended with an error that a retry cannot help. */
  | 'failed'
  | 'cancelled'

/**
 * Every lawful move. A shutdown moves a running job back to "queued" without counting an attempt; a job found running
 * without a living owner goes the same way.
 */
export const moves: Readonly<Record<JobState, readonly JobState[]>> = {
  waiting: ['queued', 'paused', 'cancelled'],
  queued: ['running', 'waiting', 'paused', 'cancelled', 'failed'],
  running: ['verifying', 'queued', 'waiting', 'paused', 'failed', 'cancelled'],
  verifying: ['done', 'queued', 'waiting', 'paused', 'failed', 'cancelled'],
  paused: ['queued', 'cancelled'],
  done: [],
  failed: ['queued', 'cancelled'],
  cancelled: ['queued'],
}

/** States in which a job holds its output file's name against other jobs. */
export const openStates: readonly JobState[] = ['waiting', 'queued', 'running', 'verifying', 'paused']
