import { MiberaError } from '../../base/errors.ts'
import { listFirst, quote } from '../../base/quote.ts'
import type { Shard } from './model-folder.ts'
import type { TensorEntry } from './tensor-entry.ts'
import type { WeightIndex } from './weight-index.ts'

/** Disagreements that the message spells out. */
const shown = 5

/**
 * Index and shards must tell the same: every tensor in the very shard that the index names, and no other tensors.
 * @throws MiberaError INDEX_MISMATCH
 */
export function checkIndexAgreement(
  index: WeightIndex,
  shards: readonly Shard[],
  tensors: ReadonlyMap<string, TensorEntry>,
  indexPath: string,
): void {
  const disagreements: string[] = []
  for (const [tensor, shard] of index) {
    const entry = tensors.get(tensor)
    const actual = entry === undefined ? undefined : shards[entry.shard]?.name
    if (actual === undefined) disagreements.push(`${quote(tensor)} is not in ${shard}`)
    else if (actual !== shard) disagreements.push(`${quote(tensor)} is not in ${shard} but in ${actual}`)
  }
  for (const [tensor, entry] of tensors) {
    if (!index.has(tensor)) disagreements.push(`${quote(tensor)} of ${shards[entry.shard]?.name} is not in the index`)
  }
  if (disagreements.length === 0) return
  throw new MiberaError('INDEX_MISMATCH', `index and shards disagree: ${listFirst(disagreements, shown)}`, {
    subject: indexPath,
    hint: 'The files come from different downloads or revisions: download index and shards of one revision again.',
  })
}
