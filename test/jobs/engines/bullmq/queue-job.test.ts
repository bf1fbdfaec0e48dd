import { expect, test } from 'vitest'
import { isQueueJob, queueJobId } from '#dist/jobs/engines/bullmq/queue-job.js'

const job = { conversion: '12-abc', tensor: 3, firstSlice: 16, slices: 16 }

test('the same slices of the same plan always have the same id; no two jobs share one', () => {
  expect(queueJobId(job)).toBe('12-abc-3-16')
  expect(queueJobId({ ...job, slices: 4 })).toBe('12-abc-3-16')
  const others = [{ conversion: '12-abd' }, { tensor: 4 }, { firstSlice: 32 }].map((change) => ({ ...job, ...change }))
  expect(new Set([job, ...others].map(queueJobId)).size).toBe(4)
  // BullMQ refuses colons.
  expect(queueJobId(job)).not.toContain(':')
})

test('what is left of a job whose record Redis evicted is not taken for one', () => {
  expect(isQueueJob(job)).toBe(true)
  for (const rest of [{}, undefined, null, 'x', { ...job, tensor: '3' }, { conversion: '12-abc', tensor: 3 }]) {
    expect(isQueueJob(rest)).toBe(false)
  }
})
