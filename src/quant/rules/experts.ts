import type { TensorCategory } from '../tensor-category.ts'
import type { RuledType } from './ruled-type.ts'

/**
 * Under MXFP4_MOE only the stacked matrices of experts are MXFP4: a dense model has none, and is Q8_0 throughout.
 * `shape` is outermost first.
 */
export function expertsType(shape: readonly number[], category: TensorCategory, architecture: string): RuledType {
  const stacked = (shape.at(-3) ?? 1) > 1
  // Its attention has stacks too.
  const isExpert = architecture !== 'bailingmoe3' || category.startsWith('feed-forward')
  if (stacked && isExpert) return { type: 'MXFP4', reason: 'stacked matrices' }
  return { type: 'Q8_0', reason: 'no stack of experts' }
}
