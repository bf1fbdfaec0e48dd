/**
 * The search of Q2_K, Q4_K and Q5_K for the scale and minimum of eight sub-blocks at once: value ≈ scale · level + min
 * with level in 0…top and min ≤ 0. Same candidates, operations and order as `make_qkx2_quants` of ggml, one sub-block
 * per lane; where ggml branches, lanes are masked.
 *
 * A candidate is an inverse scale. It fixes the levels, the levels fix the best scale and minimum (a 2×2 linear
 * solution), and those are kept when they lower the error. A kept candidate changes the minimum from which later
 * candidates take their levels, so candidates cannot be tried independently.
 *
 * Levels are rounded in floats here, which is ggml's rounding only up to `mostExact`; beyond that the search gives up
 * and the caller uses ./scale-min-exact.
 */
import {
  columns,
  entryBytes,
  greatest,
  importanceSum,
  importances,
  least,
  levels,
  searchState,
  valueSum,
} from './columns'
import { nearest } from './nearest'

/** Per lane, offsets in the scratch of ./columns: left and right entry each. */
const bestScale: usize = searchState
const bestMin: usize = searchState + entryBytes
const bestError: usize = searchState + 2 * entryBytes
/** The inverse scale and minimum that gave the best candidate its levels. */
const bestInverse: usize = searchState + 3 * entryBytes
const bestFrom: usize = searchState + 4 * entryBytes
/** Of the candidate being tried. */
const inverse: usize = searchState + 5 * entryBytes
const scale: usize = searchState + 6 * entryBytes
const min: usize = searchState + 7 * entryBytes
const error: usize = searchState + 8 * entryBytes
const determinant: usize = searchState + 9 * entryBytes
/** Σ importance · level, Σ importance · level², Σ importance · level · value. */
const levelSum: usize = searchState + 10 * entryBytes
const levelSquareSum: usize = searchState + 11 * entryBytes
const levelValueSum: usize = searchState + 12 * entryBytes
/** All ones where all values of the sub-block are one and the same number ≤ 0: nothing to search. */
const flat: usize = searchState + 13 * entryBytes
const right: usize = 16

/** Levels are the same as with ggml's integer rounding up to here (4194303), with room for an inexact product. */
const mostExact: f32 = 4000000

/** Where the levels of a candidate may fall before they are clamped. */
const inside = 0
const outside = 1
const inexact = 2

/** The largest magnitude of f32x4 lanes `a` and `b` stays below the limit of float rounding; false for NaN. */
function roundsExactly(a: v128, b: v128): v128 {
  const limit = f32x4.splat(mostExact)
  return v128.and(f32x4.lt(f32x4.abs(a), limit), f32x4.lt(f32x4.abs(b), limit))
}

function isWithin(value: v128, above: v128, below: v128): v128 {
  return v128.and(f32x4.gt(value, above), f32x4.lt(value, below))
}

/**
 * Judged by the extremes of each sub-block: products with one factor are monotone, in floats too, so every other value
 * falls between them.
 */
function placeLevels(top: f32): i32 {
  const leftInverse = v128.load(columns, inverse)
  const rightInverse = v128.load(columns, inverse + right)
  const leftMin = v128.load(columns, bestMin)
  const rightMin = v128.load(columns, bestMin + right)
  const leftLow = f32x4.mul(leftInverse, f32x4.sub(v128.load(columns, least), leftMin))
  const rightLow = f32x4.mul(rightInverse, f32x4.sub(v128.load(columns, least + right), rightMin))
  const leftHigh = f32x4.mul(leftInverse, f32x4.sub(v128.load(columns, greatest), leftMin))
  const rightHigh = f32x4.mul(rightInverse, f32x4.sub(v128.load(columns, greatest + right), rightMin))
  const above = f32x4.splat(-0.5)
  const below = f32x4.splat(top + 0.5)
  const unclamped = v128.and(
    v128.and(isWithin(leftLow, above, below), isWithin(leftHigh, above, below)),
    v128.and(isWithin(rightLow, above, below), isWithin(rightHigh, above, below)),
  )
  if (i32x4.all_true(unclamped)) return inside
  return i32x4.all_true(v128.and(roundsExactly(leftLow, leftHigh), roundsExactly(rightLow, rightHigh)))
    ? outside
    : inexact
}

/** Levels, and their sums, of a candidate whose levels need no clamping. */
function takeLevels(end: usize): void {
  const leftInverse = v128.load(columns, inverse)
  const rightInverse = v128.load(columns, inverse + right)
  const leftMin = v128.load(columns, bestMin)
  const rightMin = v128.load(columns, bestMin + right)
  let leftSum = f32x4.splat(0)
  let rightSum = f32x4.splat(0)
  let leftSquares = f32x4.splat(0)
  let rightSquares = f32x4.splat(0)
  let leftValues = f32x4.splat(0)
  let rightValues = f32x4.splat(0)
  for (let at = columns; at < end; at += entryBytes) {
    const leftValue = v128.load(at)
    const rightValue = v128.load(at, right)
    const leftLevel = nearest(f32x4.mul(leftInverse, f32x4.sub(leftValue, leftMin)))
    const rightLevel = nearest(f32x4.mul(rightInverse, f32x4.sub(rightValue, rightMin)))
    v128.store(at, leftLevel, levels)
    v128.store(at, rightLevel, levels + right)
    const leftWeighted = f32x4.mul(v128.load(at, importances), leftLevel)
    const rightWeighted = f32x4.mul(v128.load(at, importances + right), rightLevel)
    leftSum = f32x4.add(leftSum, leftWeighted)
    rightSum = f32x4.add(rightSum, rightWeighted)
    leftSquares = f32x4.add(leftSquares, f32x4.mul(leftWeighted, leftLevel))
    rightSquares = f32x4.add(rightSquares, f32x4.mul(rightWeighted, rightLevel))
    leftValues = f32x4.add(leftValues, f32x4.mul(leftWeighted, leftValue))
    rightValues = f32x4.add(rightValues, f32x4.mul(rightWeighted, rightValue))
  }
  storeSums(0, leftSum, leftSquares, leftValues)
  storeSums(right, rightSum, rightSquares, rightValues)
}

/** As {@link takeLevels}, with every level clamped to 0…`top`. */
function takeClampedLevels(end: usize, top: f32): void {
  const leftInverse = v128.load(columns, inverse)
  const rightInverse = v128.load(columns, inverse + right)
  const leftMin = v128.load(columns, bestMin)
  const rightMin = v128.load(columns, bestMin + right)
  const bottoms = f32x4.splat(0)
  const tops = f32x4.splat(top)
  let leftSum = f32x4.splat(0)
  let rightSum = f32x4.splat(0)
  let leftSquares = f32x4.splat(0)
  let rightSquares = f32x4.splat(0)
  let leftValues = f32x4.splat(0)
  let rightValues = f32x4.splat(0)
  for (let at = columns; at < end; at += entryBytes) {
    const leftValue = v128.load(at)
    const rightValue = v128.load(at, right)
    const leftRounded = nearest(f32x4.mul(leftInverse, f32x4.sub(leftValue, leftMin)))
    const rightRounded = nearest(f32x4.mul(rightInverse, f32x4.sub(rightValue, rightMin)))
    const leftLevel = f32x4.pmax(bottoms, f32x4.pmin(tops, leftRounded))
    const rightLevel = f32x4.pmax(bottoms, f32x4.pmin(tops, rightRounded))
    v128.store(at, leftLevel, levels)
    v128.store(at, rightLevel, levels + right)
    const leftWeighted = f32x4.mul(v128.load(at, importances), leftLevel)
    const rightWeighted = f32x4.mul(v128.load(at, importances + right), rightLevel)
    leftSum = f32x4.add(leftSum, leftWeighted)
    rightSum = f32x4.add(rightSum, rightWeighted)
    leftSquares = f32x4.add(leftSquares, f32x4.mul(leftWeighted, leftLevel))
    rightSquares = f32x4.add(rightSquares, f32x4.mul(rightWeighted, rightLevel))
    leftValues = f32x4.add(leftValues, f32x4.mul(leftWeighted, leftValue))
    rightValues = f32x4.add(rightValues, f32x4.mul(rightWeighted, rightValue))
  }
  storeSums(0, leftSum, leftSquares, leftValues)
  storeSums(right, rightSum, rightSquares, rightValues)
}

function storeSums(side: usize, sum: v128, squares: v128, withValues: v128): void {
  v128.store(columns + side, sum, levelSum)
  v128.store(columns + side, squares, levelSquareSum)
  v128.store(columns + side, withValues, levelValueSum)
}

/** The scale and minimum with the least error for the levels taken, for four lanes; a minimum above 0 becomes 0. */
function solve(side: usize): void {
  const at = columns + side
  const weights = v128.load(at, importanceSum)
  const weighted = v128.load(at, valueSum)
  const sum = v128.load(at, levelSum)
  const squares = v128.load(at, levelSquareSum)
  const withValues = v128.load(at, levelValueSum)
  const divisor = f32x4.sub(f32x4.mul(weights, squares), f32x4.mul(sum, sum))
  let newScale = f32x4.div(f32x4.sub(f32x4.mul(weights, withValues), f32x4.mul(weighted, sum)), divisor)
  let newMin = f32x4.div(f32x4.sub(f32x4.mul(squares, weighted), f32x4.mul(sum, withValues)), divisor)
  const positive = f32x4.gt(newMin, f32x4.splat(0))
  if (v128.any_true(positive)) {
    newMin = v128.andnot(newMin, positive)
    newScale = v128.bitselect(f32x4.div(withValues, squares), newScale, positive)
  }
  v128.store(at, divisor, determinant)
  v128.store(at, newScale, scale)
  v128.store(at, newMin, min)
}

/** Σ importance · |scale · level + min − value|. */
function sumAbsoluteErrors(end: usize): void {
  const leftScale = v128.load(columns, scale)
  const rightScale = v128.load(columns, scale + right)
  const leftMin = v128.load(columns, min)
  const rightMin = v128.load(columns, min + right)
  let leftError = f32x4.splat(0)
  let rightError = f32x4.splat(0)
  for (let at = columns; at < end; at += entryBytes) {
    const leftFit = f32x4.add(f32x4.mul(leftScale, v128.load(at, levels)), leftMin)
    const rightFit = f32x4.add(f32x4.mul(rightScale, v128.load(at, levels + right)), rightMin)
    const leftOff = f32x4.abs(f32x4.sub(leftFit, v128.load(at)))
    const rightOff = f32x4.abs(f32x4.sub(rightFit, v128.load(at, right)))
    leftError = f32x4.add(leftError, f32x4.mul(v128.load(at, importances), leftOff))
    rightError = f32x4.add(rightError, f32x4.mul(v128.load(at, importances + right), rightOff))
  }
  v128.store(columns, leftError, error)
  v128.store(columns, rightError, error + right)
}

/** Σ importance · (scale · level + min − value)². */
function sumSquaredErrors(end: usize): void {
  const leftScale = v128.load(columns, scale)
  const rightScale = v128.load(columns, scale + right)
  const leftMin = v128.load(columns, min)
  const rightMin = v128.load(columns, min + right)
  let leftError = f32x4.splat(0)
  let rightError = f32x4.splat(0)
  for (let at = columns; at < end; at += entryBytes) {
    const leftFit = f32x4.add(f32x4.mul(leftScale, v128.load(at, levels)), leftMin)
    const rightFit = f32x4.add(f32x4.mul(rightScale, v128.load(at, levels + right)), rightMin)
    const leftOff = f32x4.sub(leftFit, v128.load(at))
    const rightOff = f32x4.sub(rightFit, v128.load(at, right))
    leftError = f32x4.add(leftError, f32x4.mul(v128.load(at, importances), f32x4.mul(leftOff, leftOff)))
    rightError = f32x4.add(rightError, f32x4.mul(v128.load(at, importances + right), f32x4.mul(rightOff, rightOff)))
  }
  v128.store(columns, leftError, error)
  v128.store(columns, rightError, error + right)
}

function sumErrors(end: usize, absolute: bool): void {
  if (absolute) sumAbsoluteErrors(end)
  else sumSquaredErrors(end)
}

/** The first fit: levels spread evenly from the least value (or 0) to the greatest. */
function spreadEvenly(side: usize, top: f32): void {
  const at = columns + side
  const low = f32x4.pmin(v128.load(at, least), f32x4.splat(0))
  const high = v128.load(at, greatest)
  const isFlat = f32x4.eq(high, low)
  const perValue = f32x4.div(f32x4.splat(top), rangeFrom(high, low, isFlat))
  const perLevel = f32x4.div(f32x4.splat(1), perValue)
  v128.store(at, isFlat, flat)
  v128.store(at, perValue, inverse)
  v128.store(at, perValue, bestInverse)
  v128.store(at, perLevel, scale)
  v128.store(at, v128.andnot(perLevel, isFlat), bestScale)
  v128.store(at, low, min)
  v128.store(at, low, bestMin)
  v128.store(at, low, bestFrom)
}

/** `high` − `low`, and 1 in flat lanes, so that they give level 0 and not NaN. */
function rangeFrom(high: v128, low: v128, isFlat: v128): v128 {
  return v128.bitselect(f32x4.splat(1), f32x4.sub(high, low), isFlat)
}

function aim(side: usize, span: f32): void {
  const at = columns + side
  const range = rangeFrom(v128.load(at, greatest), v128.load(at, bestMin), v128.load(at, flat))
  v128.store(at, f32x4.div(f32x4.splat(span), range), inverse)
}

/** A flat lane keeps its first fit because its error is exactly 0, which no error is below. */
function keepBetter(side: usize): void {
  const at = columns + side
  const newError = v128.load(at, error)
  const oldError = v128.load(at, bestError)
  const better = v128.and(f32x4.lt(newError, oldError), f32x4.gt(v128.load(at, determinant), f32x4.splat(0)))
  if (!v128.any_true(better)) return
  const from = v128.load(at, bestMin)
  v128.store(at, v128.bitselect(newError, oldError, better), bestError)
  v128.store(at, v128.bitselect(v128.load(at, scale), v128.load(at, bestScale), better), bestScale)
  v128.store(at, v128.bitselect(v128.load(at, inverse), v128.load(at, bestInverse), better), bestInverse)
  v128.store(at, v128.bitselect(from, v128.load(at, bestFrom), better), bestFrom)
  v128.store(at, v128.bitselect(v128.load(at, min), from, better), bestMin)
}

function allFlat(): bool {
  return i32x4.all_true(v128.and(v128.load(columns, flat), v128.load(columns, flat + right)))
}

/**
 * Fits the eight sub-blocks in the scratch of ./columns, importances and per-lane figures included.
 *
 * @param elements weights per sub-block
 * @param top the highest level
 * @param firstSpan candidate k maps the range of values onto `firstSpan + 0.1 · k + top` levels, k = 0…`lastCandidate`
 * @param absolute whether the error is Σ importance · |difference| or Σ importance · difference²
 * @returns whether float rounding sufficed; if not, the result is void and ./scale-min-exact has to do it
 */
export function searchScaleMin(elements: i32, top: f32, firstSpan: f32, lastCandidate: i32, absolute: bool): bool {
  const end = columns + <usize>elements * entryBytes
  spreadEvenly(0, top)
  spreadEvenly(right, top)
  if (placeLevels(top) != inside) return false
  takeLevels(end)
  sumErrors(end, absolute)
  v128.store(columns, v128.load(columns, error), bestError)
  v128.store(columns, v128.load(columns, error + right), bestError + right)
  if (allFlat()) return true
  for (let candidate = 0; candidate <= lastCandidate; candidate++) {
    const span: f32 = firstSpan + <f32>0.1 * <f32>candidate + top
    aim(0, span)
    aim(right, span)
    const place = placeLevels(top)
    if (place == inexact) return false
    if (place == inside) takeLevels(end)
    else takeClampedLevels(end, top)
    solve(0)
    solve(right)
    sumErrors(end, absolute)
    keepBetter(0)
    keepBetter(right)
  }
  return true
}

/** Copies what {@link searchScaleMin} found: eight scales, −min, and the inverse scale and min of the levels. */
export function storeFits(scales: usize, mins: usize, inverses: usize, froms: usize): void {
  for (let side: usize = 0; side < entryBytes; side += right) {
    const at = columns + side
    v128.store(scales + side, v128.load(at, bestScale))
    v128.store(mins + side, f32x4.neg(v128.load(at, bestMin)))
    v128.store(inverses + side, v128.load(at, bestInverse))
    v128.store(froms + side, v128.load(at, bestFrom))
  }
}
