import { MiberaError } from '../base/errors.ts'
import { type BatchLimits, usualBatch } from '../convert/checkpoints.ts'
import type { ConvertEvent, TensorBegun } from '../convert/events.ts'
import type { Plan, PlannedTensor } from '../plan/plan.ts'
import { sliceCount } from '../plan/slices.ts'
import { hasDied } from './crash-guard.ts'
import type { Job } from './job.ts'
import type { JobProgress, JobStore } from './store/job-store.ts'

/** After a death little is risked: bookmarks come soon, so that a tensor that gets ahead is seen to. */
const carefulBatch: BatchLimits = { ...usualBatch, milliseconds: 20 }

/** Writes down what happens in one run of a job. */
export class RunRecord {
  readonly #job: Job
  readonly #store: JobStore
  #progress: JobProgress = { doneWeights: 0, totalWeights: 0, doneBytes: 0, totalBytes: 0 }
  #gotAhead = false
  /** Slices of each tensor in work that have not yet come back from a thread. */
  readonly #slicesLeft = new Map<PlannedTensor, { readonly index: number; left: number }>()

  constructor(job: Job, store: JobStore) {
    this.#job = job
    this.#store = store
  }

  /** Whether any slice was bookmarked in this run. */
  get gotAhead(): boolean {
    return this.#gotAhead
  }

  batch(): { batch?: BatchLimits } {
    return hasDied(this.#store.tensors(this.#job.id)) ? { batch: carefulBatch } : {}
  }

  /** @throws MiberaError INTERNAL when the job is no longer this store's: the run must end. */
  note(event: ConvertEvent, plan: Plan): void {
    const { id } = this.#job
    switch (event.kind) {
      case 'begun':
        this.#begin(event, plan)
        break
      case 'discarded':
        this.#store.tensorsUndone(id)
        this.#store.addEvent(id, 'discarded', { reason: event.reason, slices: event.slices })
        break
      case 'tensor-begun':
        this.#beginTensor(event)
        break
      case 'slice':
        this.#count(event, 1)
        break
      case 'retaken':
        this.#count(event, -1)
        break
      case 'bookmarked':
        this.#gotAhead = true
        this.#store.tensorsDone(id)
        this.#save()
        break
      case 'reclaimed':
        this.#store.addEvent(id, 'reclaimed', { shard: event.shard.name, bytes: event.shard.size })
        break
      case 'reclaim-failed':
        this.#store.addEvent(id, 'reclaim-failed', { shard: event.shard.name, reason: event.reason })
        break
      case 'reading-back':
        if (!this.#store.move(id, 'running', 'verifying')) throw lost(id)
        break
    }
  }

  /** The run has come to its end, whichever. */
  end(): void {
    this.#store.tensorsStopped(this.#job.id)
  }

  #begin({ threads, doneSlices, doneWeights, doneBytes }: Extract<ConvertEvent, { kind: 'begun' }>, plan: Plan): void {
    const { id } = this.#job
    this.#progress = { doneWeights, doneBytes, ...totals(plan) }
    this.#store.tensorsUndone(id)
    this.#store.tensorsDone(id)
    this.#save()
    this.#store.addEvent(id, 'begun', { threads, keptSlices: doneSlices })
  }

  #beginTensor({ tensor, index, slices, engine }: TensorBegun): void {
    const made = [...this.#slicesLeft].filter(([, { left }]) => left === 0)
    for (const [other] of made) this.#slicesLeft.delete(other)
    this.#slicesLeft.set(tensor, { index, left: slices })
    const row = { tensor: index, name: tensor.name, slices: sliceCount(tensor), elsewhere: engine !== 'local' }
    this.#store.tensorStarted(
      this.#job.id,
      row,
      made.map(([, other]) => other.index),
    )
  }

  #count({ tensor, weights, byteLength }: Extract<ConvertEvent, { kind: 'slice' | 'retaken' }>, sign: 1 | -1): void {
    const inWork = this.#slicesLeft.get(tensor)
    if (inWork !== undefined) inWork.left -= sign
    const { doneWeights, doneBytes } = this.#progress
    this.#progress = {
      ...this.#progress,
      doneWeights: doneWeights + sign * weights,
      doneBytes: doneBytes + sign * byteLength,
    }
  }

  #save(): void {
    if (!this.#store.saveProgress(this.#job.id, this.#progress)) throw lost(this.#job.id)
  }
}

function totals({ tensors }: Plan): Pick<JobProgress, 'totalWeights' | 'totalBytes'> {
  return {
    totalWeights: tensors.reduce((sum, { rows, columns }) => sum + rows * columns, 0),
    totalBytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
  }
}

function lost(id: number): MiberaError {
  return new MiberaError('INTERNAL', `job ${id} was taken away from the process that runs it`, { subject: String(id) })
}
