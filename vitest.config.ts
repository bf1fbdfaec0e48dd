import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** What these measure (memory of processes, time that passes until something happens) others beside them would change. */
const alone = [
  'test/convert/memory.test.ts',
  'test/crash/daemon-story.test.ts',
  'test/daemon/e2e/many-conversions.test.ts',
  'test/daemon/e2e/memory-pressure.test.ts',
  'test/daemon/watch/watcher.test.ts',
  'test/hostile/coordinator-memory.test.ts',
  'test/jobs/engines/bullmq/queue-depth.test.ts',
]

/**
 * Most suites wait for processes that they start as long as they compute: on two cores, two files at a time take little
 * more than half the time of one at a time, which is Vitest's own choice there.
 */
const filesAtATime = Math.max(2, availableParallelism() - 1)

// Tests import the built product through "#dist/…": what is tested is what ships, worker threads included.
export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: alone,
          maxWorkers: filesAtATime,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
})
