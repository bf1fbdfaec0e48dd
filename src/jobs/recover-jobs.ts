import { crashLoop } from './crash-guard.ts'
import type { Job } from './job.ts'
import { reasonOf } from './reason.ts'
import type { JobStore } from './store/job-store.ts'

/** What a daemon finds at its start. */
export interface Recovery {
  /** Interrupted by a death, and in line again. */
  readonly queued: readonly Job[]
  /** Their process dies of them, it seems. */
  readonly failed: readonly Job[]
}

/** Takes over the jobs of a process that died. For the holder of the state directory, before it takes any job. */
export function recoverJobs(store: JobStore, lease: string): Recovery {
  const queued: Job[] = []
  const failed: Job[] = []
  for (const { job, inFlight } of store.recover(lease)) {
    const finding = crashLoop(inFlight)
    if (finding === undefined) queued.push(job)
    else if (store.move(job.id, 'queued', 'failed', { reason: reasonOf(finding) })) failed.push(store.require(job.id))
  }
  return { queued, failed }
}
