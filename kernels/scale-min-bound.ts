/**
 * A bound below the error of a candidate of ./scale-min-search, from the sums over its levels: what cannot be better need
 * not be compared weight by weight.
 */
import {
  bestError,
  importanceSum,
  levelSquareSum,
  levelSum,
  levelValueSum,
  min,
  right,
  scale,
  valueSquareSum,
  valueSum,
} from './octet'

/**
 * By how much the error may be below the one computed here, in parts of G = Σ importance · (|scale · level| + |min| +
 * |value|)², with u = 2^-24 for the rounding of one operation and sub-blocks of at most 32 weights. Sums of 32 rounded
 * products are off by less than 34 u of the sum of their sizes, and these sums, multiplied by what they are multiplied
 * with here, add up to G: 34 u. The dozen operations here: 12 u. ggml's differences, each off by less than 4 u of its
 * (|scale · level| + |min| + |value|): 8 u. Together 54 u.
 */
const slack: f32 = 3.3e-6
/** ggml's own sum of the squares is off by less than 34 u of itself. */
const shrink: f32 = 1 - 1 / 65536
/**
 * Besides, each product that falls below 2^-126 is off by up to 2^-150, times what it is multiplied with: scale, min, an
 * importance, or a value, which is below 2^23 where that happens. All together is less than this in parts of
 * 1 + scale² + min² + Σ importance.
 */
const underflow: f32 = 1e-36

/** Lanes of four whose squared error may be below the best. Importances are not negative. */
function openLanes(lanes: usize): v128 {
  const factor = v128.load(lanes, scale)
  const offset = v128.load(lanes, min)
  const importance = v128.load(lanes, importanceSum)
  // Not scale² · sum: the square of 1e-21 would have lost its digits.
  const ofLevels = f32x4.mul(factor, f32x4.mul(factor, v128.load(lanes, levelSquareSum)))
  const ofMins = f32x4.mul(offset, f32x4.mul(offset, importance))
  const squares = f32x4.add(f32x4.add(ofLevels, ofMins), v128.load(lanes, valueSquareSum))
  const levelProducts = f32x4.sub(f32x4.mul(offset, v128.load(lanes, levelSum)), v128.load(lanes, levelValueSum))
  const products = f32x4.sub(f32x4.mul(factor, levelProducts), f32x4.mul(offset, v128.load(lanes, valueSum)))
  const estimate = f32x4.add(squares, f32x4.add(products, products))
  // G at most: (a + b + c)² ≤ 3 (a² + b² + c²). Where it is finite, the estimate is.
  const size = f32x4.mul(f32x4.splat(3), squares)
  const factors = f32x4.add(f32x4.mul(factor, factor), f32x4.mul(offset, offset))
  const smallest = f32x4.mul(f32x4.splat(underflow), f32x4.add(f32x4.add(f32x4.splat(1), factors), importance))
  const least = f32x4.sub(estimate, f32x4.add(f32x4.mul(f32x4.splat(slack), size), smallest))
  // Not "less": a bound that is NaN says nothing.
  return v128.not(f32x4.ge(f32x4.mul(f32x4.splat(shrink), least), v128.load(lanes, bestError)))
}

/** Whether the candidate solved may be better anywhere in an octet. */
export function mayBeBetter(octet: usize): bool {
  return v128.any_true(v128.or(openLanes(octet), openLanes(octet + right)))
}
