import { MiberaError } from '../base/errors.ts'
import type { Plan, PlannedTensor } from '../plan/plan.ts'
import { sliceCount, sliceOf } from '../plan/slices.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { EventListener } from './events.ts'
import { quantizeJob, type SliceId, scanJob, tensorOf } from './slice-job.ts'
import type { WorkerPool } from './worker-pool.ts'

export interface SliceRun {
  readonly plan: Plan
  readonly pool: WorkerPool
  readonly checkpoints: Checkpoints
  readonly onEvent: EventListener
  /** Aborted: no further slice is begun; those in hand are finished and bookmarked. */
  readonly stop: AbortSignal
}

/**
 * Makes the given slices. Returns, and throws, only after the slices in hand have come to their end and all that was
 * written is bookmarked.
 * @param atOnce how many slices are in hand at a time, at the most.
 */
export async function runSlices(
  run: SliceRun,
  todo: readonly SliceId[],
  atOnce = run.pool.capacity,
): Promise<'finished' | 'stopped'> {
  const toMake = countByTensor(todo)
  const slices = todo.values()
  const failures: unknown[] = []
  const takeTurns = async () => {
    while (failures.length === 0 && !run.stop.aborted) {
      const next = slices.next()
      if (next.done) return
      try {
        announce(run, toMake, next.value)
        await makeSlice(run, next.value)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, takeTurns))
  await run.checkpoints.finish()
  if (failures.length > 0) throw failures[0]
  return slices.next().done ? 'finished' : 'stopped'
}

/** Tells of a tensor before any of its slices is in a thread's hands: if the process dies of it, that is known. */
function announce({ plan, onEvent }: SliceRun, toMake: Map<number, number>, id: SliceId): void {
  const slices = toMake.get(id.tensor)
  if (slices === undefined) return
  toMake.delete(id.tensor)
  onEvent({ kind: 'tensor-begun', tensor: tensorOf(plan, id), index: id.tensor, slices })
}

function countByTensor(todo: readonly SliceId[]): Map<number, number> {
  const counts = new Map<number, number>()
  for (const { tensor } of todo) counts.set(tensor, (counts.get(tensor) ?? 0) + 1)
  return counts
}

async function makeSlice({ plan, pool, checkpoints, onEvent }: SliceRun, id: SliceId): Promise<void> {
  const tensor = tensorOf(plan, id)
  const job = quantizeJob(tensor, id.slice)
  const result = await pool.run(job)
  if (result.outcome === 'non-finite') throw await nonFinite(tensor, pool)
  if (result.outcome === 'overflow') throw overflow(tensor, sliceOf(tensor, id.slice).firstRow + result.row)
  const { outcome: _, ...measured } = result
  checkpoints.add({ ...id, ...measured }, job.byteLength)
  onEvent({ kind: 'slice', tensor, weights: job.weights, byteLength: job.byteLength })
}

/** Looks through the whole tensor, so that the message can say how many weights are bad and where they begin. */
async function nonFinite(tensor: PlannedTensor, pool: WorkerPool): Promise<MiberaError> {
  const indices = Array.from({ length: sliceCount(tensor) }, (_, index) => index)
  const scans = await Promise.all(indices.map((index) => pool.run(scanJob(tensor, index))))
  const count = scans.reduce((sum, scan) => sum + scan.count, 0)
  const first = scans.findIndex((scan) => scan.count > 0)
  const row = sliceOf(tensor, first).firstRow + (scans[first]?.firstRow ?? 0)
  return new MiberaError(
    'TENSOR_NON_FINITE',
    `${sourceName(tensor)} holds ${count === 1 ? '1 NaN or infinite weight,' : `${count} NaN or infinite weights, the first`} in row ${row} of ${tensor.name}`,
    {
      subject: tensor.name,
      hint: 'The model is damaged: download it again, or ask whoever trained it. No type can store such weights.',
    },
  )
}

function overflow(tensor: PlannedTensor, row: number): MiberaError {
  return new MiberaError(
    'TENSOR_OVERFLOW',
    `${sourceName(tensor)} has weights in row ${row} of ${tensor.name} too large for the half-precision scales of ${tensor.type}`,
    { subject: tensor.name, hint: 'Use --type BF16 or F32, or check the model: such weights are rarely meant.' },
  )
}

function sourceName({ source, name }: PlannedTensor): string {
  return source.kind === 'rows' ? source.names.join(', ') : name
}
