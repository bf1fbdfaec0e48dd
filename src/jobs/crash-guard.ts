import { MiberaError } from '../base/errors.ts'
import { listFirst } from '../base/quote.ts'
import type { TensorJob } from './store/tensor-jobs.ts'

/** Deaths in a row with the same tensor in work, after which it is held to be their cause. */
export const crashLimit = 3

/** Deaths after which a tensor is made alone: of the several in work at once, the next death then names the one. */
const suspectLimit = 2

/**
 * The finding that a job's process dies of one of its tensors, if it does.
 * @param inFlight the tensors in work when it died last.
 */
export function crashLoop(inFlight: readonly TensorJob[]): MiberaError | undefined {
  const suspects = inFlight.filter(({ deaths }) => deaths >= crashLimit)
  const [worst] = suspects.toSorted((a, b) => b.deaths - a.deaths)
  if (worst === undefined) return undefined
  const names = listFirst(
    suspects.map(({ name }) => name),
    3,
  )
  return new MiberaError('CRASH_LOOP', `the process died ${worst.deaths} times in a row while it converted ${names}`, {
    subject: worst.name,
    hint: 'Look at the system\'s log for the cause, want of memory perhaps. "mibera jobs retry" tries again, alone and on one thread.',
  })
}

/** Positions of the tensors that a run must make alone, since the process may have died of them. */
export function tensorsToRunAlone(tensors: readonly TensorJob[]): number[] {
  return tensors.filter(({ state, deaths }) => state !== 'done' && deaths >= suspectLimit).map(({ tensor }) => tensor)
}

/** Whether the process died in this job without its getting ahead since. */
export function hasDied(tensors: readonly TensorJob[]): boolean {
  return tensors.some(({ deaths }) => deaths > 0)
}
