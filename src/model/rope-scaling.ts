import type { JsonObject } from './json-file.ts'
import { isObject } from './json-file.ts'

/** How rotary embedding is stretched beyond the context it was trained for. */
export type RopeScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3'
      readonly factor: number
      readonly lowFrequencyFactor: number
      readonly highFrequencyFactor: number
      readonly originalContext: number
    }
  | {
      readonly kind: 'longrope'
      /** The formula of the attention factor: longrope (also called su) or yarn. */
      readonly formula: 'longrope' | 'yarn'
      readonly long: readonly number[]
      readonly short: readonly number[]
    }
  /** Something that no family here knows. */
  | { readonly kind: 'unknown'; readonly name: string }

/**
 * What config.json says: `rope_parameters` (transformers 5), `rope_scaling` (before it), or nothing, which means none.
 */
export function ropeScaling(config: JsonObject): RopeScaling {
  const stated = ropeParameters(config)
  const name = stated.rope_type ?? stated.type
  if (name === undefined || name === null || name === 'default') return { kind: 'none' }
  return known(String(name).toLowerCase(), stated) ?? { kind: 'unknown', name: String(name) }
}

/** The object that holds the rotary parameters; empty if there is none. */
export function ropeParameters(config: JsonObject): JsonObject {
  const stated = config.rope_parameters ?? config.rope_scaling
  if (!isObject(stated)) return {}
  return isObject(stated.full_attention) ? stated.full_attention : stated
}

function known(name: string, stated: JsonObject): RopeScaling | undefined {
  const { factor, long_factor: long, short_factor: short } = stated
  if (isNumbers(long) && isNumbers(short)) {
    if (name === 'longrope' || name === 'su') return { kind: 'longrope', formula: 'longrope', long, short }
    if (name === 'yarn') return { kind: 'longrope', formula: 'yarn', long, short }
  }
  if (name === 'linear' && isPositive(factor)) return { kind: 'linear', factor }
  return name === 'llama3' ? llama3(stated) : undefined
}

/** The defaults are those of llama.cpp's converter and of Llama 3.1. */
function llama3(stated: JsonObject): RopeScaling | undefined {
  const factor = stated.factor ?? 8
  const lowFrequencyFactor = stated.low_freq_factor ?? 1
  const highFrequencyFactor = stated.high_freq_factor ?? 4
  const originalContext = stated.original_max_position_embeddings ?? 8192
  if (!isPositive(factor) || !isPositive(lowFrequencyFactor)) return undefined
  if (!isPositive(highFrequencyFactor) || !isPositive(originalContext)) return undefined
  if (lowFrequencyFactor === highFrequencyFactor) return undefined
  return { kind: 'llama3', factor, lowFrequencyFactor, highFrequencyFactor, originalContext }
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every(isPositive)
}
