import { mapLimited } from '../base/map-limited.ts'
import type { SliceId } from '../convert/slice-id.ts'
import { quantizeJob, tensorOf } from '../convert/slice-job.ts'
import { wantedSchema } from '../daemon/coordinator/protocol.ts'
import type { QueueJob } from '../jobs/engines/bullmq/queue-job.ts'
import type { PlannedTensor } from '../plan/plan.ts'
import { sliceOf } from '../plan/slices.ts'
import type { CoordinatorClient } from './coordinator-client.ts'
import type { Workbench } from './workbench.ts'

export interface SliceWork {
  readonly client: CoordinatorClient
  /** Aborted: no further slice is begun. */
  readonly stop: AbortSignal
  readonly onBegun: (tensor: PlannedTensor) => void
  readonly onMade: (tensor: PlannedTensor, weights: number) => void
}

/**
 * Makes those slices of a job that are still wanted, and delivers them.
 * @returns whether the job is over; otherwise it was stopped.
 */
export async function makeWanted(
  { conversion, tensor: index, firstSlice, slices }: QueueJob,
  bench: Workbench,
  { client, stop, onBegun, onMade }: SliceWork,
): Promise<boolean> {
  const path = `/v1/conversions/${conversion}/wanted/${index}/${firstSlice}/${slices}`
  const wanted = await client.ask({ method: 'GET', path }, wantedSchema, { stop })
  const tensor = tensorOf(bench.plan, { tensor: index, slice: firstSlice })
  if (wanted.slices.length > 0) onBegun(tensor)
  const together = ofSameRows(wanted.slices)
  let left = together.length
  await mapLimited(together, bench.capacity, async (ids) => {
    if (stop.aborted) return
    await Promise.all(ids.map((id) => bench.ready(id.tensor)))
    const result = await bench.run(quantizeJob(bench.plan, ids))
    if (result.outcome === 'written') {
      for (const id of ids) onMade(tensor, sliceOf(tensor, id.slice).weights)
    } else {
      // The coordinator looks for itself, and ends the conversion with an error that names the weights.
      const { outcome } = result
      const refused = ids[result.outcome === 'overflow' ? result.target : 0]
      const refusal = `/v1/conversions/${conversion}/slices/${refused?.tensor}/${refused?.slice}/refusal`
      const headers = { 'content-type': 'application/json' }
      await client.send({ method: 'POST', path: refusal, headers, body: JSON.stringify({ outcome }) })
    }
    left--
  })
  return left === 0
}

/** Slices of the same rows together: what is read is read once for all of them. */
function ofSameRows(ids: readonly SliceId[]): SliceId[][] {
  const groups = new Map<number, SliceId[]>()
  for (const id of ids) {
    const group = groups.get(id.slice)
    if (group === undefined) groups.set(id.slice, [id])
    else group.push(id)
  }
  return [...groups.values()]
}
