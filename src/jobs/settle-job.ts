import { afterFailure } from './after-failure.ts'
import type { Job } from './job.ts'
import { reasonOf } from './reason.ts'
import type { JobOutcome, StopReason } from './run-job.ts'
import type { JobState } from './states.ts'
import type { JobStore } from './store/job-store.ts'

const stateAfterStop: Readonly<Record<StopReason, JobState>> = {
  // The beginning is given back: it costs no attempt.
  shutdown: 'queued',
  paused: 'paused',
  cancelled: 'cancelled',
}

/**
 * Moves a job on after its run.
 * @param now milliseconds since the epoch.
 * @returns the job as it is then.
 */
export function settleJob(store: JobStore, id: number, outcome: JobOutcome, now: number): Job {
  const inWork = ['running', 'verifying'] as const
  if (outcome.kind === 'stopped') store.move(id, inWork, stateAfterStop[outcome.why])
  else if (outcome.kind === 'failed') fail(store, id, outcome, now)
  else {
    store.move(id, 'running', 'verifying')
    store.move(id, 'verifying', 'done')
  }
  return store.require(id)
}

function fail(store: JobStore, id: number, outcome: Extract<JobOutcome, { kind: 'failed' }>, now: number): void {
  const { error, needsDisk, gotAhead } = outcome
  const attempts = (gotAhead ? 0 : store.require(id).attempts) + 1
  const decision = afterFailure(error, attempts, needsDisk)
  const change = { reason: reasonOf(error), attempts }
  const inWork = ['running', 'verifying'] as const
  if (decision.kind === 'fail') store.move(id, inWork, 'failed', change)
  else {
    const notBefore = now + decision.milliseconds
    const disk = decision.kind === 'wait-for-disk' ? { needsDisk: decision.bytes } : {}
    store.move(id, inWork, 'waiting', { ...change, ...disk, notBefore })
  }
}
