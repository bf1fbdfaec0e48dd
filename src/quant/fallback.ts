import { blockTypes, type GgmlType, rowBytes, rowsFit } from '../formats/ggml/block-types.ts'
import type { Mix } from './mixes/mix.ts'

export interface Fallback {
  readonly wanted: GgmlType
  /** Bytes the tensor takes beyond what it would in the wanted type, were its rows whole blocks of it. */
  readonly extraBytes: number
}

/**
 * The type for a matrix whose rows may not be whole blocks of the type `wanted`: the mix's replacement, or F16 where
 * not even that one fits; `undefined` where the mix refuses. `shape` is outermost first. (b3613 aborts where blocks of
 * 32 do not divide the rows; F16 is what later releases do.)
 */
export function fitType(
  wanted: GgmlType,
  shape: readonly number[],
  mix: Mix,
): { readonly type: GgmlType; readonly fallback?: Fallback } | undefined {
  const columns = shape.at(-1) ?? 1
  if (rowsFit(wanted, columns)) return { type: wanted }
  const replacement = mix.fallbacks[wanted]
  if (replacement === 'refused') return undefined
  const type = replacement !== undefined && rowsFit(replacement, columns) ? replacement : 'F16'
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1)
  const { blockWeights, blockBytes } = blockTypes[wanted]
  const wantedBytes = Math.ceil((rows * columns * blockBytes) / blockWeights)
  return { type, fallback: { wanted, extraBytes: rows * rowBytes(type, columns) - wantedBytes } }
}
