/**
 * Whether layer `layer` of `layers` is one of those that the _M recipes give more bits: the first eighth, the last
 * eighth, and every third between. Whole-number division throughout, as in llama.cpp (`use_more_bits`).
 */
export function getsMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8)
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2
}
