import { createHash } from 'node:crypto'
import type { Plan } from './plan.ts'
import { sliceWeights } from './slices.ts'

/**
 * Raised whenever the same plan would give other bytes, or slices other numbers, than it did in an earlier release:
 * a conversion begun by one release is then not continued by the other.
 */
export const planFormat = 2

/**
 * SHA-256 (hex) over what decides the output bytes and what identifies the sources (name, size, modification time,
 * header digest), the importances included. Paths are left out, so that a folder may be moved between a run and its continuation.
 */
export function fingerprint(plan: Omit<Plan, 'fingerprint'>): string {
  const hash = createHash('sha256')
  hash.update(
    JSON.stringify({
      planFormat,
      sliceWeights,
      recipe: plan.recipe,
      mix: plan.mix,
      sources: plan.sources.map(({ name, size, modifiedMs, headerSha256 }) => [name, size, modifiedMs, headerSha256]),
      files: plan.files.map(({ recipe, shard, size }) => [recipe, shard, size]),
      tensors: plan.tensors.map(({ name, type, shape, file, offset, source }) => {
        return [name, type, shape, file, offset, source]
      }),
    }),
  )
  for (const { header } of plan.files) hash.update(header)
  for (const { name, importance } of plan.tensors) {
    if (importance === undefined) continue
    hash.update(JSON.stringify([name, importance.length]))
    hash.update(new Uint8Array(importance.buffer, importance.byteOffset, importance.byteLength))
  }
  return hash.digest('hex')
}
