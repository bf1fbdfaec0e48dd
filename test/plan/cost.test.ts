import { expect, test } from 'vitest'
import { PlanCost } from '#dist/plan/cost.js'
import type { PlannedTensor } from '#dist/plan/plan.js'
import { largePlan } from '../helpers/large-plan.ts'

const { tensors } = largePlan({ tensors: 3, rows: 64, columns: 256 })

/** What each tensor costs in a plan of two files, the second of which has these. */
function costs(second: readonly PlannedTensor[]): number[] {
  const both = [...tensors, ...second]
  const cost = new PlanCost({ tensors: both })
  const each = both.map((tensor) => cost.of(tensor, tensor.rows * tensor.columns))
  expect(cost.total).toBeCloseTo(each.reduce((sum, one) => sum + one, 0))
  return each.slice(tensors.length).map((ofSecond, index) => ofSecond / (each[index] ?? 0))
}

test('what two files have alike costs once, and hardly anything for the second', () => {
  const [alike = 0, dearer = 0, guided = 0] = costs(
    tensors.map((tensor, index) => ({
      ...tensor,
      file: 1,
      ...(index === 1 ? { type: 'Q6_K' } : {}),
      ...(index === 2 ? { importance: new Float32Array(256) } : {}),
    })),
  )
  expect(alike).toBeGreaterThan(0)
  expect(alike).toBeLessThan(0.1)
  expect(dearer).toBeGreaterThan(1)
  expect(guided).toBe(1)
})
