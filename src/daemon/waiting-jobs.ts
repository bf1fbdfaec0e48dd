import { dirname } from 'node:path'
import { freeSpace } from '../disk/free-space.ts'
import type { Job } from '../jobs/job.ts'
import type { JobStore } from '../jobs/store/job-store.ts'

/** Free disk is asked for this often, since no system tells when it grows. */
export const diskLookMilliseconds = 3000

/** Bytes free at a path; rejects where its drive is gone. */
export type ReadFreeSpace = (path: string) => Promise<number>

/**
 * Puts the waiting jobs in line whose time has come and whose disk has room.
 * @returns milliseconds until the others should be looked at again; Infinity when none waits.
 */
export async function wakeWaitingJobs(
  store: JobStore,
  now: number,
  readFreeSpace: ReadFreeSpace = freeSpace,
): Promise<number> {
  const free = new Map<string, Promise<number>>()
  const freeFor = ({ output }: Job) => {
    const folder = dirname(output)
    const known = free.get(folder) ?? readFreeSpace(folder).catch(() => -1)
    free.set(folder, known)
    return known
  }
  let next = store.nextWaking(now) - now
  for (const job of store.waitingSince(now)) {
    if (job.needsDisk === undefined || (await freeFor(job)) >= job.needsDisk) store.move(job.id, 'waiting', 'queued')
    else next = Math.min(next, diskLookMilliseconds)
  }
  return next
}
