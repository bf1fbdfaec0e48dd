import { defineConfig } from 'vitest/config'

// Tests import the built product through "#dist/…": what is tested is what ships, worker threads included.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
  },
})
