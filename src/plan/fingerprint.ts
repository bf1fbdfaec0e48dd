import { createHash } from 'node:crypto'
import type { Plan } from './plan.ts'
import { sliceWeights } from './slices.ts'

/**
 * Raised whenever the same plan would give other bytes, or slices other numbers, than it did in an earlier release:
 * a conversion begun by one release is then not continued by the other.
 */
export const planFormat = 1

/**
 * SHA-256 (hex) over what decides the output bytes and what identifies the sources (name, size, modification time,
 * header digest). Paths are left out, so that a folder may be moved between a run and its continuation.
 */
export function fingerprint(plan: Omit<Plan, 'fingerprint'>): string {
  const hash = createHash('sha256')
  hash.update(
    JSON.stringify({
      planFormat,
      sliceWeights,
      recipe: plan.recipe,
      mix: plan.mix,
      size: plan.size,
      sources: plan.sources.map(({ name, size, modifiedMs, headerSha256 }) => [name, size, modifiedMs, headerSha256]),
      tensors: plan.tensors.map(({ name, type, shape, offset, source }) => [name, type, shape, offset, source]),
    }),
  )
  hash.update(plan.header)
  return hash.digest('hex')
}
