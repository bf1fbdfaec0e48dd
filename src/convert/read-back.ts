import { MiberaError } from '../base/errors.ts'
import { mapLimited } from '../base/map-limited.ts'
import type { Plan } from '../plan/plan.ts'
import { sliceOf } from '../plan/slices.ts'
import type { ConvertOptions } from './run.ts'
import type { SliceId } from './slice-id.ts'
import { tensorOf } from './slice-job.ts'
import { type Bookmark, bookmarksByTensor } from './state/bookmarks.ts'
import type { WorkerPool } from './worker-pool.ts'

/** Of the bookmarked slices, those whose blocks are not in their file as recorded; once stopped, those found so far. */
export async function findDamagedSlices(
  plan: Plan,
  bookmarks: readonly Bookmark[],
  pool: WorkerPool,
  stop: AbortSignal,
): Promise<SliceId[]> {
  const damaged = await mapLimited(bookmarks, pool.capacity, async (bookmark) => {
    if (stop.aborted) return false
    const tensor = tensorOf(plan, bookmark)
    const { offset, byteLength } = sliceOf(tensor, bookmark.slice)
    const { whole } = await pool.run({ kind: 'digest', file: tensor.file, offset, lengths: [byteLength] })
    return !sameBytes(bookmark.sha256, whole)
  })
  return bookmarks.filter((_, index) => damaged[index])
}

/**
 * Reads every tensor of the output and compares it, slice by slice, with the digests taken before it was written.
 * @param bookmarks of every slice of the plan, in order.
 * @returns SHA-256 (hex) of each tensor, or that it was stopped before the end.
 * @throws MiberaError VERIFICATION_FAILED naming the largest tensor that differs.
 */
export async function readBack(
  plan: Plan,
  bookmarks: readonly Bookmark[],
  pool: WorkerPool,
  { onEvent, stop }: Pick<ConvertOptions, 'onEvent' | 'stop'>,
): Promise<string[] | 'stopped'> {
  const slices = bookmarksByTensor(bookmarks)
  const digests: string[] = []
  // The largest first: no thread is left alone with one at the end.
  const largestFirst = [...plan.tensors.entries()].sort(([, a], [, b]) => b.byteLength - a.byteLength)
  await mapLimited(largestFirst, pool.capacity, async ([index, tensor]) => {
    if (stop.aborted) return
    digests[index] = await readTensorBack(plan, index, slices.get(index) ?? [], pool)
    onEvent({ kind: 'read-back', tensor })
  })
  return stop.aborted ? 'stopped' : digests
}

/**
 * Reads one tensor of the output and compares it, slice by slice, with the digests taken before it was written.
 * @param bookmarks of all its slices, in order.
 * @returns its SHA-256 (hex).
 * @throws MiberaError VERIFICATION_FAILED
 */
export async function readTensorBack(
  plan: Plan,
  index: number,
  bookmarks: readonly Bookmark[],
  pool: WorkerPool,
): Promise<string> {
  const tensor = tensorOf(plan, { tensor: index, slice: 0 })
  const lengths = bookmarks.map(({ slice }) => sliceOf(tensor, slice).byteLength)
  if (lengths.reduce((sum, length) => sum + length, 0) !== tensor.byteLength) {
    throw new MiberaError('INTERNAL', `the bookmarks of ${tensor.name} do not cover it`, { subject: tensor.name })
  }
  const { pieces, whole } = await pool.run({ kind: 'digest', file: tensor.file, offset: tensor.offset, lengths })
  const wrong = bookmarks.findIndex(({ sha256 }, piece) => !sameBytes(sha256, pieces[piece]))
  if (wrong >= 0) throw changedOnDisk(tensor.name, wrong)
  return Buffer.from(whole).toString('hex')
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0
}

function changedOnDisk(tensor: string, slice: number): MiberaError {
  return new MiberaError('VERIFICATION_FAILED', `${tensor}: slice ${slice} was not read back as it was written`, {
    subject: tensor,
    hint: 'Check the disk. Run the same command again: what is damaged is found and made anew.',
  })
}
