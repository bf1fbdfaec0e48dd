import type { RuledType } from './ruled-type.ts'

/** Under MXFP4_MOE only the stacked matrices of experts are MXFP4: a dense model has none, and is Q8_0 throughout. */
export function expertsType(shape: readonly number[]): RuledType {
  const stacked = (shape.at(-3) ?? 1) > 1
  return stacked ? { type: 'MXFP4', reason: 'stacked matrices' } : { type: 'Q8_0', reason: 'no stack of experts' }
}
