/**
 * Arithmetic on sizes and offsets that a file declares. All of them are non-negative integers below 2^53; a result
 * that leaves this range is `undefined`, so that a hostile size can never wrap around or lose its low bits.
 */

export function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Product of sizes, or `undefined` beyond 2^53 − 1. The empty product is 1. */
export function checkedProduct(factors: Iterable<number>): number | undefined {
  let product = 1
  let zero = false
  for (const factor of factors) {
    if (!isSize(factor)) return undefined
    if (factor === 0) zero = true
    else product *= factor
    if (!Number.isSafeInteger(product)) return undefined
  }
  return zero ? 0 : product
}

/** Sum of sizes, or `undefined` beyond 2^53 − 1. */
export function checkedSum(terms: Iterable<number>): number | undefined {
  let sum = 0
  for (const term of terms) {
    if (!isSize(term)) return undefined
    sum += term
    if (!Number.isSafeInteger(sum)) return undefined
  }
  return sum
}

/** The smallest multiple of `alignment` (a positive integer) that is not below `value`. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment
}
