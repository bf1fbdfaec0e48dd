/** Every thread has a job in hand, and finds the next one standing in the queue. */
const jobsPerThread = 2
const fewest = 4
/** A few megabytes in Redis, however many workers there are and however long a plan is. */
const most = 4096

/** Jobs of a conversion that may stand in the queue, by the threads that workers have in all. */
export function lookAhead(threads: number): number {
  return threads === 0 ? 0 : Math.min(most, Math.max(fewest, jobsPerThread * threads))
}
