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
    const slices = [{ byteLength, checksum: bookmark.checksum }]
    const result = await pool.run({ kind: 'read-back', file: tensor.file, offset, slices, digest: false })
    return result.damaged.length > 0
  })
  return bookmarks.filter((_, index) => damaged[index])
}

/**
 * Reads every tensor of the output and compares it, slice by slice, with the checksums taken before it was written.
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
 * Reads one tensor of the output and compares it, slice by slice, with the checksums taken before it was written.
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
  const slices = bookmarks.map(({ slice, checksum }) => ({ byteLength: sliceOf(tensor, slice).byteLength, checksum }))
  if (slices.reduce((sum, { byteLength }) => sum + byteLength, 0) !== tensor.byteLength) {
    throw new MiberaError('INTERNAL', `the bookmarks of ${tensor.name} do not cover it`, { subject: tensor.name })
  }
  const { file, offset } = tensor
  const { damaged, sha256 } = await pool.run({ kind: 'read-back', file, offset, slices, digest: true })
  if (damaged[0] !== undefined) throw changedOnDisk(tensor.name, damaged[0])
  return Buffer.from(sha256 ?? []).toString('hex')
}

function changedOnDisk(tensor: string, slice: number): MiberaError {
  return new MiberaError('VERIFICATION_FAILED', `${tensor}: slice ${slice} was not read back as it was written`, {
    subject: tensor,
    hint: 'Check the disk. Run the same command again: what is damaged is found and made anew.',
  })
}
