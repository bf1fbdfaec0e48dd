import type { Claim, ConfigClaims } from './config-claims.ts'

/** The sizes that the evidence has settled. */
export interface SettledSizes {
  readonly layers: number
  readonly hidden: number
  readonly feedForward: number
  readonly vocabulary: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
}

/**
 * Whether config.json states the sizes of this model and every one of them rightly. A fine-tune may change the
 * constants that tensors do not show (a longer context with another rope theta), so such a file is believed even
 * against what is known of the model it was made from. One that is wrong where it can be checked is not.
 */
export function isTrustworthy(claims: ConfigClaims, sizes: SettledSizes): boolean {
  const right = (claim: Claim | undefined, size: number) => claim?.number === size
  const rightIfStated = (claim: Claim | undefined, size: number) => claim === undefined || right(claim, size)
  return (
    right(claims.layers, sizes.layers) &&
    right(claims.hidden, sizes.hidden) &&
    right(claims.feedForward, sizes.feedForward) &&
    right(claims.vocabulary, sizes.vocabulary) &&
    right(claims.heads, sizes.heads) &&
    (claims.kvHeads === undefined ? sizes.kvHeads === sizes.heads : right(claims.kvHeads, sizes.kvHeads)) &&
    rightIfStated(claims.headSize, sizes.headSize)
  )
}
