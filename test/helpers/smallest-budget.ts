import { bufferRoom, threadsWithin } from '#dist/convert/thread-budget.js'
import type { Plan } from '#dist/plan/plan.js'

const mebibyte = 2 ** 20

/** The smallest `--max-memory` in whole mebibytes, here in bytes, under which a plan gets all these threads. */
export function smallestBudget(plan: Plan, threads: number): number {
  const room = bufferRoom(plan)
  for (let budget = 64 * mebibyte; ; budget += mebibyte) {
    if (fits(budget, threads, room)) return budget
  }
}

function fits(budget: number, threads: number, room: ReturnType<typeof bufferRoom>): boolean {
  try {
    return threadsWithin(budget, threads, room) === threads
  } catch {
    return false
  }
}
