/**
 * The search for the scale and minimum of eight or sixteen sub-blocks at once: value ≈ scale · level + min with level in
 * 0…top and min ≤ 0. Same candidates, operations and order as `make_qkx2_quants` of ggml (Q2_K, Q4_K and Q5_K) and, with
 * an importance matrix, `make_qkx3_quants`, one sub-block per lane; where ggml branches, lanes are masked.
 *
 * A candidate is an inverse scale. It fixes the levels, the levels fix the best scale and minimum (a 2×2 linear
 * solution), and those are kept when they lower the error. A kept candidate changes the minimum from which later
 * candidates take their levels, so candidates cannot be tried independently.
 */
import { sumAbsoluteErrors, sumSquaredErrors } from './candidate-error'
import { above, inexact, inside, placeLevels, takeClampedLevels, takeLevels, takeLevelsBelow } from './candidate-levels'
import {
  bestError,
  bestFrom,
  bestInverse,
  bestMin,
  bestScale,
  determinant,
  error,
  flat,
  greatest,
  importanceSum,
  inverse,
  least,
  levelSquareSum,
  levelSum,
  levelValueSum,
  min,
  octetBytes,
  octets,
  right,
  scale,
  valueSum,
} from './octet'
import { mayBeBetter } from './scale-min-bound'

/** `high` − `low`, and 1 in flat lanes, so that they give level 0 and not NaN. */
function rangeFrom(high: v128, low: v128, isFlat: v128): v128 {
  return v128.bitselect(f32x4.splat(1), f32x4.sub(high, low), isFlat)
}

/** The first fit of four lanes: levels spread evenly from the least value (or 0) to the greatest. */
function spreadEvenly(lanes: usize, top: f32): void {
  const low = f32x4.pmin(v128.load(lanes, least), f32x4.splat(0))
  const high = v128.load(lanes, greatest)
  const isFlat = f32x4.eq(high, low)
  const perValue = f32x4.div(f32x4.splat(top), rangeFrom(high, low, isFlat))
  const perLevel = f32x4.div(f32x4.splat(1), perValue)
  v128.store(lanes, isFlat, flat)
  v128.store(lanes, perValue, inverse)
  v128.store(lanes, perValue, bestInverse)
  v128.store(lanes, perLevel, scale)
  v128.store(lanes, v128.andnot(perLevel, isFlat), bestScale)
  v128.store(lanes, low, min)
  v128.store(lanes, low, bestMin)
  v128.store(lanes, low, bestFrom)
}

/** The inverse scale of the candidate that maps the range of values onto `span` levels. */
function aim(lanes: usize, span: f32): void {
  const range = rangeFrom(v128.load(lanes, greatest), v128.load(lanes, bestMin), v128.load(lanes, flat))
  v128.store(lanes, f32x4.div(f32x4.splat(span), range), inverse)
}

/** The scale and minimum with the least squared error for the levels taken; a minimum above 0 becomes 0. */
function solve(lanes: usize): void {
  const weights = v128.load(lanes, importanceSum)
  const weighted = v128.load(lanes, valueSum)
  const sum = v128.load(lanes, levelSum)
  const squares = v128.load(lanes, levelSquareSum)
  const withValues = v128.load(lanes, levelValueSum)
  const divisor = f32x4.sub(f32x4.mul(weights, squares), f32x4.mul(sum, sum))
  let newScale = f32x4.div(f32x4.sub(f32x4.mul(weights, withValues), f32x4.mul(weighted, sum)), divisor)
  let newMin = f32x4.div(f32x4.sub(f32x4.mul(squares, weighted), f32x4.mul(sum, withValues)), divisor)
  const positive = f32x4.gt(newMin, f32x4.splat(0))
  if (v128.any_true(positive)) {
    newMin = v128.andnot(newMin, positive)
    newScale = v128.bitselect(f32x4.div(withValues, squares), newScale, positive)
  }
  v128.store(lanes, divisor, determinant)
  v128.store(lanes, newScale, scale)
  v128.store(lanes, newMin, min)
}

/**
 * A flat lane keeps its first fit because its error is exactly 0, which no error is below. Without a branch even where
 * no lane is better: that is as good as random, and guessing wrong costs more than five selections.
 */
function keepBetter(lanes: usize): void {
  const newError = v128.load(lanes, error)
  const oldError = v128.load(lanes, bestError)
  const better = v128.and(f32x4.lt(newError, oldError), f32x4.gt(v128.load(lanes, determinant), f32x4.splat(0)))
  const from = v128.load(lanes, bestMin)
  v128.store(lanes, v128.bitselect(newError, oldError, better), bestError)
  v128.store(lanes, v128.bitselect(v128.load(lanes, scale), v128.load(lanes, bestScale), better), bestScale)
  v128.store(lanes, v128.bitselect(v128.load(lanes, inverse), v128.load(lanes, bestInverse), better), bestInverse)
  v128.store(lanes, v128.bitselect(from, v128.load(lanes, bestFrom), better), bestFrom)
  v128.store(lanes, v128.bitselect(v128.load(lanes, min), from, better), bestMin)
}

function fitEvenly(octet: usize, elements: i32, top: f32, absolute: bool): bool {
  spreadEvenly(octet, top)
  spreadEvenly(octet + right, top)
  if (placeLevels(octet, top) != inside) return false
  takeLevels(octet, elements)
  if (absolute) {
    sumAbsoluteErrors(octet, elements)
  } else {
    sumSquaredErrors(octet, elements)
  }
  v128.store(octet, v128.load(octet, error), bestError)
  v128.store(octet, v128.load(octet, error + right), bestError + right)
  return true
}

/** The levels of the candidate aimed at, and their sums; false if they are too far out for float rounding. */
function takeCandidate(octet: usize, elements: i32, top: f32): bool {
  const place = placeLevels(octet, top)
  if (place == inexact) return false
  if (place == inside) takeLevels(octet, elements)
  else if (place == above) takeLevelsBelow(octet, elements, top)
  else takeClampedLevels(octet, elements, top)
  return true
}

/** Keeps the candidate solved where it is better. @param seldom whether that is not to be expected */
function judge(octet: usize, elements: i32, absolute: bool, seldom: bool): void {
  if (absolute) {
    sumAbsoluteErrors(octet, elements)
  } else {
    if (seldom && !mayBeBetter(octet)) return
    sumSquaredErrors(octet, elements)
  }
  keepBetter(octet)
  keepBetter(octet + right)
}

/** Whether no candidate can be better anywhere: no error is below 0 (which flat lanes have) or below NaN. */
function isSettled(octet: usize): bool {
  const left = f32x4.gt(v128.load(octet, bestError), f32x4.splat(0))
  const rightward = f32x4.gt(v128.load(octet, bestError + right), f32x4.splat(0))
  return !v128.any_true(v128.or(left, rightward))
}

/**
 * Fits the first `count` octets (1 or 2), whose importances and figures ./importance has filled in. The best fit of
 * each sub-block is then in its octet.
 *
 * @param elements weights per sub-block
 * @param top the highest level
 * @param firstSpan candidate k maps the range of values onto `firstSpan` + `step` · k + `top` levels, k = 0…`lastCandidate`
 * @param absolute whether the error is Σ importance · |difference| or Σ importance · difference²
 * @returns false if some level is too far out for float rounding: the fits are void, ./scale-min-exact has to find them
 */
export function searchScaleMin(
  count: i32,
  elements: i32,
  top: f32,
  firstSpan: f32,
  step: f32,
  lastCandidate: i32,
  absolute: bool,
): bool {
  let first = octets
  let last = octets + <usize>(count - 1) * octetBytes
  for (let octet = first; octet <= last; octet += octetBytes) {
    if (!fitEvenly(octet, elements, top, absolute)) return false
  }
  while (first < last && isSettled(last)) last -= octetBytes
  while (first <= last && isSettled(first)) first += octetBytes
  for (let candidate = 0; candidate <= lastCandidate; candidate++) {
    const span: f32 = firstSpan + step * <f32>candidate + top
    // The greatest values have levels above the top then, and are cut off: hardly ever is that better.
    const seldom = span > top + 0.5
    for (let octet = first; octet <= last; octet += octetBytes) {
      aim(octet, span)
      aim(octet + right, span)
    }
    for (let octet = first; octet <= last; octet += 2 * octetBytes) {
      if (!takeCandidate(octet, elements, top)) return false
      if (octet < last && !takeCandidate(octet + octetBytes, elements, top)) return false
    }
    for (let octet = first; octet <= last; octet += octetBytes) {
      solve(octet)
      solve(octet + right)
    }
    for (let octet = first; octet <= last; octet += 2 * octetBytes) {
      judge(octet, elements, absolute, seldom)
      if (octet < last) judge(octet + octetBytes, elements, absolute, seldom)
    }
  }
  return true
}
