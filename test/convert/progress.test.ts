import { expect, test } from 'vitest'
import { Progress } from '#dist/convert/progress.js'
import { largePlan } from '../helpers/large-plan.ts'

test('while nothing comes, the speed falls and the time left grows, instead of staying what they were', () => {
  const plan = largePlan({ tensors: 2, rows: 64, columns: 256 })
  const [tensor] = plan.tensors
  if (tensor === undefined) throw new Error('the plan has no tensor')
  const progress = new Progress(plan)
  progress.record({ kind: 'begun', threads: 0, doneSlices: 0, doneBytes: 0, doneWeights: 0, doneCost: 0 }, 100)
  progress.record({ kind: 'slice', tensor, weights: 1000, byteLength: 500 }, 110)
  const moving = progress.snapshot(112)
  expect(moving.weightsPerSecond).toBe(100)
  const later = progress.snapshot(110 + 120)
  expect(later.weightsPerSecond).toBe(10)
  expect(later.secondsLeft).toBeCloseTo(10 * moving.secondsLeft)
  expect(later.fraction).toBe(moving.fraction)
})
