import { MiberaError } from '../../../base/errors.ts'
import type { NamedSlice } from '../lawful-request.ts'
import type { Made } from '../protocol.ts'
import type { WorkerRegistry } from '../trust/worker-registry.ts'

export interface Verdict {
  readonly taken: 'accepted' | 'late'
}

export interface Delivery {
  readonly worker: string
  readonly named: NamedSlice
  readonly blocks: Uint8Array<ArrayBuffer>
  /** Of `blocks`, computed here. */
  readonly sha256: Uint8Array
  /** What the worker says of them. */
  readonly made: Made
}

/**
 * Hands the blocks of a slice to its conversion, and holds against the worker what is wrong with them.
 * @throws MiberaError SLICE_REFUSED
 */
export async function takeSlice(workers: WorkerRegistry, delivery: Delivery): Promise<Verdict> {
  const { worker, named, blocks, sha256, made } = delivery
  const { sha256: announced, ...measured } = made
  const { active, id, tensor } = named
  if (Buffer.from(announced, 'hex').compare(sha256) !== 0) {
    throw struck(workers, delivery, 'other bytes arrived than its digest is of')
  }
  const check = workers.checkFor(worker, tensor.type)
  const taken = await active.conversion.take(id, blocks, { ...measured, checksum: sha256 }, check)
  if (taken === 'wrong') throw struck(workers, delivery, 'this machine makes other blocks of the same rows')
  if (taken === 'accepted') {
    workers.wasRight(worker, tensor.type, check, { conversion: active.conversion, id })
  }
  return { taken }
}

/** Holds a wrong result against a worker, and gives the error to refuse it with. */
export function struck(
  workers: WorkerRegistry,
  { worker, named: { tensor, id } }: Pick<Delivery, 'worker' | 'named'>,
  why: string,
): MiberaError {
  const what = `slice ${id.slice} of ${tensor.name}: ${why}`
  workers.strike(worker, what)
  return new MiberaError('SLICE_REFUSED', what, {
    subject: tensor.name,
    hint: 'The slice is made again. Where this repeats, check the memory of that machine and what it reads sources from.',
  })
}
