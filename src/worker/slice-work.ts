import { mapLimited } from '../base/map-limited.ts'
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
  let left = wanted.slices.length
  await mapLimited(wanted.slices, bench.capacity, async (slice) => {
    if (stop.aborted) return
    const id = { tensor: index, slice }
    const { outcome } = await bench.run(quantizeJob(bench.plan, [id]))
    if (outcome === 'written') {
      onMade(tensor, sliceOf(tensor, slice).weights)
    } else {
      // The coordinator looks for itself, and ends the conversion with an error that names the weights.
      const refusal = `/v1/conversions/${conversion}/slices/${index}/${slice}/refusal`
      const headers = { 'content-type': 'application/json' }
      await client.send({ method: 'POST', path: refusal, headers, body: JSON.stringify({ outcome }) })
    }
    left--
  })
  return left === 0
}
