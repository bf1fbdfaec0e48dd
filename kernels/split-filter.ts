/**
 * Which splits of a sub-block (./three-way-split) are worth a look: a score of each in other order of additions, a
 * little off, is compared with that of one split that there is, a little reduced.
 *
 * A split has the score P² / Q, P = Σ importance · value · weight, Q = Σ importance · value². Where X adds up
 * importance · weight before a place, and the values are v, v + 1 and v + 2, P = (v + 2) · all − X(first) − X(second),
 * and Q is a sum of one number for each place too.
 *
 * Why the rest may be left out: with S = Σ |importance · weight| and W = Σ importance, some split (by sign) has
 * P ≥ 0.87 S and Q ≤ 1.3 W, so that the best score is at least 0.58 S² / W. A split that comes near it has, as no
 * value is below 1/8 and so Q ≥ W / 64, P ≥ 0.09 S. Sums here and there are off by at most 100 · 2^-24 of S and W, or
 * 1e-3 of such scores. Which split llama.cpp keeps depends on those before it only as far as their scores come as near
 * to the best as the rounding of a few hundred comparisons, 1e-4. Both fit between the best and {@link reduced} of it,
 * and so do the few roundings more where sums are divided by the root of the threshold. All that holds while nothing
 * overflows or underflows: {@link setExtent} and {@link setThreshold} tell.
 */
import { bestScore } from './best-split'

const reduced: f32 = 0.997
const smallest: f32 = 1e-15
const largest: f32 = 1e15

/** For thresholds within these bounds scores are compared by sums divided by the root. */
const leastThreshold: f32 = 1e-30
const greatestThreshold: f32 = 1e30

/** Bytes of a table: 33 places to divide at, filled up for vectors that begin anywhere. */
export const tableBytes: usize = 160

/** X by place. */
export const before: usize = memory.data(160, 16)
/** (v + 2) · all of each shift. */
export const greatestProducts: usize = memory.data(16, 16)
/** Σ importance · (v + 2)² of all weights, of each shift. */
export const greatestSquares: usize = memory.data(16, 16)
/**
 * What the second place adds to Q: a table for each of two shifts. The first place takes away what the second adds under the
 * opposite shift: ((v + 1)² − v²) of −7/8 is −((v + 2)² − (v + 1)²) of −9/8 with the signs turned.
 */
export const secondSquares: usize = memory.data(320, 16)

/** Scores above this are worth a look. */
let threshold: f32 = 0

/** Places beyond the last have this for the second's square, so that they are never worth a look. */
export const beyond: f32 = 1e30

/** Whether sums of this extent can be told apart by the filter; begins a new sub-block. */
export function setExtent(productSum: f32, importanceSum: f32): bool {
  threshold = 0
  return productSum > smallest && productSum < largest && importanceSum > smallest && importanceSum < largest
}

/** Makes the places beyond the last of `elements` unattractive. */
export function closeTables(elements: usize): void {
  v128.store(secondSquares + ((elements + 1) << 2), f32x4.splat(beyond))
  v128.store(secondSquares + tableBytes + ((elements + 1) << 2), f32x4.splat(beyond))
  v128.store(before + ((elements + 1) << 2), f32x4.splat(0))
}

/** Takes {@link reduced} of the greatest of four scores of splits as the threshold, if that is above it. */
export function raiseByScores(scores: v128): void {
  const pairs = f32x4.pmax(scores, v128.shuffle<i32>(scores, scores, 2, 3, 0, 1))
  const most = f32x4.extract_lane(f32x4.pmax(pairs, v128.shuffle<i32>(pairs, pairs, 1, 0, 3, 2)), 0)
  threshold = max(threshold, reduced * most)
}

/** Looks for a high threshold among the splits with the first place `first`, of two shifts. */
export function raiseByRow(elements: usize, first: usize): void {
  const opposite = secondSquares + tableBytes + (first << 2)
  const own = v128.load32_splat(before + (first << 2))
  let most = f32x4.splat(0)
  for (let shift: usize = 0; shift < 2; shift++) {
    const product = f32x4.sub(v128.load32_splat(greatestProducts + (shift << 2)), own)
    const table = shift * tableBytes
    const square = f32x4.sub(v128.load32_splat(greatestSquares + (shift << 2)), v128.load32_splat(opposite - table))
    for (let at = first << 2; at <= elements << 2; at += 16) {
      const p = f32x4.sub(product, v128.load(before + at))
      const q = f32x4.add(square, v128.load(secondSquares + table + at))
      most = f32x4.pmax(most, f32x4.div(f32x4.mul(p, p), q))
    }
  }
  raiseByScores(most)
}

/** X by place and (v + 2) · all of each shift, divided by the root of the threshold: then P² is compared with Q. */
export const scaledBefore: usize = memory.data(160, 16)
export const scaledProducts: usize = memory.data(16, 16)

/** Makes the tables by which splits are compared with the threshold; false where it is too small or large for them. */
export function setThreshold(elements: usize): bool {
  if (!(threshold > leastThreshold && threshold < greatestThreshold)) return false
  const factor = f32x4.splat(1 / sqrt(threshold))
  for (let at: usize = 0; at <= elements << 2; at += 16) {
    v128.store(scaledBefore + at, f32x4.mul(factor, v128.load(before + at)))
  }
  // Vectors that begin at the last place read beyond it.
  v128.store(scaledBefore + ((elements + 1) << 2), f32x4.splat(0))
  v128.store(scaledProducts, f32x4.mul(factor, v128.load(greatestProducts)))
  return true
}

/** After the splits of one first place were tried. */
export function raiseByBest(elements: usize): void {
  const raised = bestScore * reduced
  if (!(raised > threshold && raised < greatestThreshold)) return
  threshold = raised
  setThreshold(elements)
}

/** What the second place is subtracted from and added to for the first place `first` under one shift. */
function productFrom(first: usize, shift: usize): v128 {
  return f32x4.sub(v128.load32_splat(scaledProducts + (shift << 2)), v128.load32_splat(scaledBefore + (first << 2)))
}

function squareFrom(first: usize, shift: usize): v128 {
  const opposite = secondSquares + (1 - shift) * tableBytes + (first << 2)
  return f32x4.sub(v128.load32_splat(greatestSquares + (shift << 2)), v128.load32_splat(opposite))
}

/** Whether splits to the second places `second` are worth a look under one shift, whose squares are at `table`. */
function isWorth(product: v128, second: v128, square: v128, table: usize): v128 {
  const p = f32x4.sub(product, second)
  return f32x4.gt(f32x4.mul(p, p), f32x4.add(square, v128.load(table)))
}

/**
 * A bit for each four splits with the first place `first`, from the second place `first` on, of which one is worth a
 * look under one of the two shifts there are.
 */
export function promisingOfTwo(elements: usize, first: usize): u32 {
  const product0 = productFrom(first, 0)
  const product1 = productFrom(first, 1)
  const square0 = squareFrom(first, 0)
  const square1 = squareFrom(first, 1)
  let found: u32 = 0
  let bit: u32 = 1
  for (let at = first << 2; at <= elements << 2; at += 16) {
    const second = v128.load(scaledBefore + at)
    const table = secondSquares + at
    const worth0 = isWorth(product0, second, square0, table)
    const worth1 = isWorth(product1, second, square1, table + tableBytes)
    found |= v128.any_true(v128.or(worth0, worth1)) ? bit : 0
    bit <<= 1
  }
  return found
}
