/**
 * The levels that a candidate of ./scale-min-search gives to the values of an octet, and the sums over them. The loops
 * stay rolled, one element of all eight lanes a round: unrolled, V8 runs out of registers. do … while saves it a jump.
 */

import { nearest } from './nearest'
import {
  bestMin,
  entryBytes,
  greatest,
  importances,
  inverse,
  least,
  levelSquareSum,
  levelSum,
  levels,
  levelValueSum,
  right,
} from './octet'

/** Where the levels of a candidate fall before they are clamped: all of them inside 0…top, … */
export const inside = 0
/** … some above top but none below 0, or some anywhere outside, … */
export const above = 1
export const outside = 2
/** … or so far that rounding in floats is not ggml's integer rounding. */
export const inexact = 3

/** ggml's rounding and ours agree up to 4194303. This leaves room for the rounding of the products. */
const mostExact: f32 = 4000000

/**
 * Judged by the extremes of each sub-block: subtraction and multiplication by one number are monotone, in floats too,
 * so every other value falls between them. NaN is neither inside nor exact.
 */
export function placeLevels(octet: usize, top: f32): i32 {
  const leftInverse = v128.load(octet, inverse)
  const rightInverse = v128.load(octet, inverse + right)
  const leftMin = v128.load(octet, bestMin)
  const rightMin = v128.load(octet, bestMin + right)
  const leftLow = f32x4.mul(leftInverse, f32x4.sub(v128.load(octet, least), leftMin))
  const rightLow = f32x4.mul(rightInverse, f32x4.sub(v128.load(octet, least + right), rightMin))
  const leftHigh = f32x4.mul(leftInverse, f32x4.sub(v128.load(octet, greatest), leftMin))
  const rightHigh = f32x4.mul(rightInverse, f32x4.sub(v128.load(octet, greatest + right), rightMin))
  const bottom = f32x4.splat(-0.5)
  const over = f32x4.splat(top + 0.5)
  const areNotBelow = v128.and(f32x4.gt(leftLow, bottom), f32x4.gt(rightLow, bottom))
  const areNotAbove = v128.and(f32x4.lt(leftHigh, over), f32x4.lt(rightHigh, over))
  if (i32x4.all_true(v128.and(areNotBelow, areNotAbove))) return inside
  const lowest = f32x4.splat(-mostExact)
  const highest = f32x4.splat(mostExact)
  const areExact = v128.and(
    v128.and(f32x4.gt(leftLow, lowest), f32x4.lt(leftHigh, highest)),
    v128.and(f32x4.gt(rightLow, lowest), f32x4.lt(rightHigh, highest)),
  )
  if (!i32x4.all_true(areExact)) return inexact
  return i32x4.all_true(areNotBelow) ? above : outside
}

function storeSums(lanes: usize, sum: v128, squares: v128, withValues: v128): void {
  v128.store(lanes, sum, levelSum)
  v128.store(lanes, squares, levelSquareSum)
  v128.store(lanes, withValues, levelValueSum)
}

/** Levels and their sums where all levels fall {@link inside}: no clamping, which is worth 7 %. */
export function takeLevels(octet: usize, elements: i32): void {
  const leftInverse = v128.load(octet, inverse)
  const rightInverse = v128.load(octet, inverse + right)
  const leftMin = v128.load(octet, bestMin)
  const rightMin = v128.load(octet, bestMin + right)
  let leftSum = f32x4.splat(0)
  let rightSum = f32x4.splat(0)
  let leftSquares = f32x4.splat(0)
  let rightSquares = f32x4.splat(0)
  let leftValues = f32x4.splat(0)
  let rightValues = f32x4.splat(0)
  const end = octet + <usize>elements * entryBytes
  let at = octet
  do {
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
    at += entryBytes
  } while (at < end)
  storeSums(octet, leftSum, leftSquares, leftValues)
  storeSums(octet + right, rightSum, rightSquares, rightValues)
}

/** As {@link takeLevels}, with no level above `top`. */
export function takeLevelsBelow(octet: usize, elements: i32, top: f32): void {
  const leftInverse = v128.load(octet, inverse)
  const rightInverse = v128.load(octet, inverse + right)
  const leftMin = v128.load(octet, bestMin)
  const rightMin = v128.load(octet, bestMin + right)
  const tops = f32x4.splat(top)
  let leftSum = f32x4.splat(0)
  let rightSum = f32x4.splat(0)
  let leftSquares = f32x4.splat(0)
  let rightSquares = f32x4.splat(0)
  let leftValues = f32x4.splat(0)
  let rightValues = f32x4.splat(0)
  const end = octet + <usize>elements * entryBytes
  let at = octet
  do {
    const leftValue = v128.load(at)
    const rightValue = v128.load(at, right)
    const leftLevel = f32x4.pmin(tops, nearest(f32x4.mul(leftInverse, f32x4.sub(leftValue, leftMin))))
    const rightLevel = f32x4.pmin(tops, nearest(f32x4.mul(rightInverse, f32x4.sub(rightValue, rightMin))))
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
    at += entryBytes
  } while (at < end)
  storeSums(octet, leftSum, leftSquares, leftValues)
  storeSums(octet + right, rightSum, rightSquares, rightValues)
}

/** As {@link takeLevels}, with every level clamped to 0…`top`. */
export function takeClampedLevels(octet: usize, elements: i32, top: f32): void {
  const leftInverse = v128.load(octet, inverse)
  const rightInverse = v128.load(octet, inverse + right)
  const leftMin = v128.load(octet, bestMin)
  const rightMin = v128.load(octet, bestMin + right)
  const bottoms = f32x4.splat(0)
  const tops = f32x4.splat(top)
  let leftSum = f32x4.splat(0)
  let rightSum = f32x4.splat(0)
  let leftSquares = f32x4.splat(0)
  let rightSquares = f32x4.splat(0)
  let leftValues = f32x4.splat(0)
  let rightValues = f32x4.splat(0)
  const end = octet + <usize>elements * entryBytes
  let at = octet
  do {
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
    at += entryBytes
  } while (at < end)
  storeSums(octet, leftSum, leftSquares, leftValues)
  storeSums(octet + right, rightSum, rightSquares, rightValues)
}
