import { describe, expect, it } from 'vitest'
import { runMemoryBytes } from '#dist/plan/run-memory.js'
import golden from '../golden/run-memory.json' with { type: 'json' }
import { phi4 } from '../helpers/model-shapes.ts'

const MiB = 1024 ** 2
const measured = golden.models.flatMap(({ title, shape, measured }) =>
  measured.map((figures) => ({ title, shape, ...figures })),
)

describe('the memory to run a model', () => {
  it.each(measured)('of $title at $context tokens has the cache that llama.cpp reports', (run) => {
    expect(runMemoryBytes({ ...run.shape, tensorBytes: 0, context: run.context }).kvCache).toBe(run.kvCacheMiB * MiB)
  })

  it.each(measured)('of $title at $context tokens has about the compute buffer of the hungrier release', (run) => {
    const { compute } = runMemoryBytes({ ...run.shape, tensorBytes: 0, context: run.context })
    const greater = Math.max(run.b3613ComputeMiB, run['v0.5.0ComputeMiB']) * MiB
    expect(compute / greater).toBeGreaterThan(0.99)
    expect(compute / greater).toBeLessThan(1.061)
  })

  it('is weights, cache and compute buffer, at 4096 tokens unless told otherwise', () => {
    const tensorBytes = 7028 * MiB
    expect(runMemoryBytes({ ...phi4, tensorBytes })).toEqual({
      weights: 7028 * MiB,
      kvCache: 800 * MiB,
      compute: 373 * MiB,
      total: (7028 + 800 + 373) * MiB,
    })
    expect(runMemoryBytes({ ...phi4, tensorBytes, context: 4096 })).toEqual(runMemoryBytes({ ...phi4, tensorBytes }))
  })

  it('rounds the context up as llama.cpp does', () => {
    const cache = (context: number): number => runMemoryBytes({ ...phi4, tensorBytes: 0, context }).kvCache
    expect(cache(1)).toBe(cache(256))
    expect(cache(257)).toBe(cache(512))
  })
})
