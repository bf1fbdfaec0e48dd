import { MiberaError } from '../base/errors.ts'
import type { Plan, PlannedTensor } from '../plan/plan.ts'
import { sliceCount, sliceOf } from '../plan/slices.ts'
import type { Engine, SliceRange } from './engine.ts'
import type { MadeSlice } from './protocol.ts'
import type { SliceId } from './slice-id.ts'
import { quantizeJob, scanJob, tensorOf } from './slice-job.ts'
import type { WorkList } from './work-list.ts'
import type { WorkerPool } from './worker-pool.ts'

/** The threads of this machine. They write into the output themselves; what they made is only counted here. */
export class LocalEngine implements Engine {
  readonly name = 'local'
  /** Slices in hand at a time, where it is not as many as the threads can take. */
  readonly #most: number | undefined
  readonly #plan: Plan
  readonly #pool: WorkerPool
  readonly #work: Pick<WorkList, 'togetherWith'>
  readonly #accept: (id: SliceId, made: MadeSlice) => void

  constructor(
    { plan, pool }: { readonly plan: Plan; readonly pool: WorkerPool },
    work: Pick<WorkList, 'togetherWith'>,
    accept: (id: SliceId, made: MadeSlice) => void,
    most?: number,
  ) {
    this.#plan = plan
    this.#pool = pool
    this.#work = work
    this.#accept = accept
    this.#most = most
  }

  get capacity(): number {
    return this.#most ?? this.#pool.capacity
  }

  onCapacity(): () => void {
    return () => {}
  }

  /** @throws MiberaError TENSOR_NON_FINITE, TENSOR_OVERFLOW, and whatever the threads throw. */
  async run({ tensor, firstSlice, slices }: SliceRange): Promise<void> {
    for (let slice = firstSlice; slice < firstSlice + slices; slice++) await this.#make({ tensor, slice })
  }

  /** The threads belong to the conversion, which ends them. */
  async close(): Promise<void> {}

  async #make(id: SliceId): Promise<void> {
    const ids = this.#work.togetherWith(id)
    const result = await this.#pool.run(quantizeJob(this.#plan, ids))
    if (result.outcome === 'non-finite') throw await nonFinite(tensorOf(this.#plan, id), this.#pool)
    if (result.outcome === 'overflow') {
      const tensor = tensorOf(this.#plan, ids[result.target] ?? id)
      throw overflow(tensor, sliceOf(tensor, id.slice).firstRow + result.row)
    }
    for (const [index, made] of result.made.entries()) this.#accept(ids[index] ?? id, made)
  }
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
  if (tensor.source.kind === 'rows' && tensor.source.dtype === tensor.type) {
    return new MiberaError(
      'TENSOR_NON_FINITE',
      `${sourceName(tensor)} holds ${tensor.type} blocks with an infinite or NaN scale, the first in row ${row}`,
      { subject: tensor.name, hint: 'The file is damaged, or was made of a damaged model: download or make it again.' },
    )
  }
  return new MiberaError(
    'TENSOR_OVERFLOW',
    `${sourceName(tensor)} has weights in row ${row} of ${tensor.name} too large for the half-precision scales of ${tensor.type}`,
    { subject: tensor.name, hint: 'Use --type BF16 or F32, or check the model: such weights are rarely meant.' },
  )
}

function sourceName({ source, name }: PlannedTensor): string {
  return source.kind === 'rows' ? source.names.join(', ') : name
}
