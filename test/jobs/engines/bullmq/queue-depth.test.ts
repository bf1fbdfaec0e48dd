import { expect, test } from 'vitest'
import { handOut, jobsInHand } from '../../../helpers/hand-out.ts'
import { startRedis } from '../../../helpers/redis.ts'

const mebibyte = 2 ** 20

/** BullMQ's own keys of three queues, and one of a flow; the rest are jobs and their locks. */
const keysOfQueues = 30

test.each([
  { delivery: 'messages', jobs: 5000 },
  { delivery: 'http', jobs: 1000 },
] as const)(
  'of $jobs jobs only a few stand in Redis at a time, and none is kept in memory ($delivery)',
  async (wish) => {
    const { url } = await startRedis()
    const workers = 2
    const threads = 4
    const figures = await handOut({ redis: url, workers, threads, ...wish })

    const slices = wish.delivery === 'messages' ? 16 * wish.jobs : wish.jobs
    expect(figures).toMatchObject({ slices, madeHere: 0, lookAhead: 2 * workers * threads })
    // A job whose slices are all delivered is no longer counted, but stands in Redis until its worker says so.
    const most = figures.lookAhead + workers * jobsInHand
    expect(figures.samples).toBeGreaterThan(5)
    expect(figures.greatestDepth).toBeLessThanOrEqual(most)
    expect(figures.greatestKeys).toBeLessThanOrEqual(2 * most + keysOfQueues)
    expect(figures.greatestMemory - figures.memoryBefore).toBeLessThan(4 * mebibyte)
    expect(figures.keysLeft).toBeLessThan(keysOfQueues)
    // 250 bytes for each job of the last eight tenths would be 1 MiB; half of that comes and goes on a busy machine.
    if (wish.delivery === 'messages') expect(figures.heapLate - figures.heapEarly).toBeLessThan(mebibyte)
    expect(figures.residentLate - figures.residentEarly).toBeLessThan(32 * mebibyte)
  },
)
