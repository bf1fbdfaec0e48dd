/**
 * How much each value's error counts in the search of Q2_K, Q4_K and Q5_K when there is no importance matrix, and the
 * per-lane figures that the search starts from. In and out: the scratch of ./columns.
 */
import { columns, entryBytes, greatest, importanceSum, importances, least, valueSum, values } from './columns'

/** √(Σ value² / 32) of each lane of the sub-blocks of 32 whose first entry is at `first`. */
function rootMeanSquare(first: usize): v128 {
  let sum = f32x4.splat(0)
  for (let at = first; at < first + 32 * entryBytes; at += entryBytes) {
    const value = v128.load(at)
    sum = f32x4.add(sum, f32x4.mul(value, value))
  }
  return f32x4.sqrt(f32x4.div(sum, f32x4.splat(32)))
}

/** Importance = `base` + |value|, for four lanes: `side` is 0 for the left ones and 16 for the right ones. */
function weigh(side: usize, elements: i32, base: v128): void {
  const first = columns + values + side
  let value = v128.load(first)
  let importance = f32x4.add(base, f32x4.abs(value))
  let low = value
  let high = value
  let sum = importance
  let weighted = f32x4.mul(importance, value)
  v128.store(first, importance, importances)
  for (let at = first + entryBytes; at < first + <usize>elements * entryBytes; at += entryBytes) {
    value = v128.load(at)
    importance = f32x4.add(base, f32x4.abs(value))
    v128.store(at, importance, importances)
    low = f32x4.pmin(low, value)
    high = f32x4.pmax(high, value)
    sum = f32x4.add(sum, importance)
    weighted = f32x4.add(weighted, f32x4.mul(importance, value))
  }
  v128.store(columns + side, low, least)
  v128.store(columns + side, high, greatest)
  v128.store(columns + side, sum, importanceSum)
  v128.store(columns + side, weighted, valueSum)
}

/** |value|, as for Q2_K: sub-blocks of 16. (0 + |value| is |value| to the bit.) */
export function weighByMagnitude(): void {
  weigh(0, 16, f32x4.splat(0))
  weigh(16, 16, f32x4.splat(0))
}

/** √mean square + |value|, as for Q4_K and Q5_K: sub-blocks of 32. */
export function weighByMagnitudeAndMean(): void {
  weigh(0, 32, rootMeanSquare(columns + values))
  weigh(16, 32, rootMeanSquare(columns + values + 16))
}
