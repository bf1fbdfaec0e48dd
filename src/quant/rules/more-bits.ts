import type { GgmlType } from '../../formats/ggml/block-types.ts'
import type { Rule } from './ruled-type.ts'

/** `type` in the layers that the _M recipes give more bits. `kind`: for the reason. */
export function inLayersOfMoreBits(type: GgmlType, kind: string): Rule {
  const reason = `${kind} in the first and last 1/8 of the layers and every third between`
  return ({ index, count }) => (getsMoreBits(index, count) ? { type, reason } : undefined)
}

/**
 * Whether layer `layer` of `layers` is one of those that the _M recipes give more bits: the first eighth, the last
 * eighth, and every third between. Whole-number division throughout, as in llama.cpp (`use_more_bits`).
 */
function getsMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8)
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2
}
