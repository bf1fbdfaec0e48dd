/**
 * How much each value's error counts in the search for scale and minimum, by itself (Q2_K, Q4_K and Q5_K without an
 * importance matrix) or as given, and the figures of each sub-block that the search starts from. In and out: an octet
 * of ./octet.
 */
import {
  entryBytes,
  greatest,
  importanceSum,
  importances,
  least,
  loadOctet,
  right,
  valueSquareSum,
  valueSum,
} from './octet'

/** √(Σ value² / 32) of four lanes; `first` is the address of their first value. */
function rootMeanSquare(first: usize): v128 {
  let sum = f32x4.splat(0)
  for (let at = first; at < first + 32 * entryBytes; at += entryBytes) {
    const value = v128.load(at)
    sum = f32x4.add(sum, f32x4.mul(value, value))
  }
  return f32x4.sqrt(f32x4.div(sum, f32x4.splat(32)))
}

/** Importance = `base` + |value| for the four lanes whose first value is at `first`. */
function weigh(first: usize, elements: i32, base: v128): void {
  let value = v128.load(first)
  let importance = f32x4.add(base, f32x4.abs(value))
  let low = value
  let high = value
  let sum = importance
  let product = f32x4.mul(importance, value)
  let weighted = product
  let squares = f32x4.mul(product, value)
  v128.store(first, importance, importances)
  for (let at = first + entryBytes; at < first + <usize>elements * entryBytes; at += entryBytes) {
    value = v128.load(at)
    importance = f32x4.add(base, f32x4.abs(value))
    v128.store(at, importance, importances)
    low = f32x4.pmin(low, value)
    high = f32x4.pmax(high, value)
    sum = f32x4.add(sum, importance)
    product = f32x4.mul(importance, value)
    weighted = f32x4.add(weighted, product)
    squares = f32x4.add(squares, f32x4.mul(product, value))
  }
  v128.store(first, low, least)
  v128.store(first, high, greatest)
  v128.store(first, sum, importanceSum)
  v128.store(first, weighted, valueSum)
  v128.store(first, squares, valueSquareSum)
}

/** |value|, as for Q2_K: sub-blocks of 16. (0 + |value| is |value| to the bit.) */
export function weighByMagnitude(octet: usize): void {
  weigh(octet, 16, f32x4.splat(0))
  weigh(octet + right, 16, f32x4.splat(0))
}

/** √(mean square) + |value|, as for Q4_K and Q5_K: sub-blocks of 32. */
export function weighByMagnitudeAndMean(octet: usize): void {
  weigh(octet, 32, rootMeanSquare(octet))
  weigh(octet + right, 32, rootMeanSquare(octet + right))
}

/** The figures of four lanes whose importances are there; `first` is the address of their first value. */
function sumGiven(first: usize, elements: i32): void {
  let low = v128.load(first)
  let high = low
  let sum = v128.load(first, importances)
  let leastImportance = sum
  let product = f32x4.mul(sum, low)
  let weighted = product
  let squares = f32x4.mul(product, low)
  for (let at = first + entryBytes; at < first + <usize>elements * entryBytes; at += entryBytes) {
    const value = v128.load(at)
    const importance = v128.load(at, importances)
    low = f32x4.pmin(low, value)
    high = f32x4.pmax(high, value)
    sum = f32x4.add(sum, importance)
    leastImportance = f32x4.pmin(leastImportance, importance)
    product = f32x4.mul(importance, value)
    weighted = f32x4.add(weighted, product)
    squares = f32x4.add(squares, f32x4.mul(product, value))
  }
  const areNegative = f32x4.lt(leastImportance, f32x4.splat(0))
  v128.store(first, low, least)
  v128.store(first, high, greatest)
  v128.store(first, sum, importanceSum)
  v128.store(first, weighted, valueSum)
  v128.store(first, v128.bitselect(f32x4.splat(NaN), squares, areNegative), valueSquareSum)
}

/** As given: one f32 at `src` for each value, sub-block after sub-block. */
export function weighAsGiven(octet: usize, src: usize, elements: i32): void {
  loadOctet(octet + importances, src, elements)
  sumGiven(octet, elements)
  sumGiven(octet + right, elements)
}
