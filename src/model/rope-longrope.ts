import { MiberaError } from '../base/errors.ts'
import type { TensorMapping } from './description.ts'
import type { RopeScaling } from './rope-scaling.ts'

/**
 * The factors for long and for short prompts, one for each pair of rotary dimensions.
 * @throws MiberaError MODEL_UNSUPPORTED if there are more or fewer.
 */
export function longropeTensors(scaling: RopeScaling, ropeDimensions: number): readonly TensorMapping[] {
  if (scaling.kind !== 'longrope') return []
  return [
    factors('rope_factors_long.weight', 'long_factor', scaling.long, ropeDimensions),
    factors('rope_factors_short.weight', 'short_factor', scaling.short, ropeDimensions),
  ]
}

/** What attention is scaled by beyond the original context. Source: llama.cpp conversion/phi.py, as in the papers. */
export function longropeAttentionFactor(
  scaling: RopeScaling,
  contextLength: number,
  originalContext: number,
): number | undefined {
  if (scaling.kind !== 'longrope') return undefined
  const scale = contextLength / originalContext
  if (scale <= 1) return 1
  if (scaling.formula === 'yarn') return 0.1 * Math.log(scale) + 1
  return Math.sqrt(1 + Math.log(scale) / Math.log(originalContext))
}

function factors(name: string, field: string, values: readonly number[], ropeDimensions: number): TensorMapping {
  if (values.length !== ropeDimensions / 2) {
    throw new MiberaError(
      'MODEL_UNSUPPORTED',
      `config.json ${field} has ${values.length} factors; expected ${ropeDimensions / 2}, half of the ${ropeDimensions} rotary dimensions`,
      { subject: 'config.json' },
    )
  }
  return { name, shape: [values.length], source: { kind: 'values', values } }
}
