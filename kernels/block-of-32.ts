/**
 * What the types with plain blocks of 32 weights (Q4_0, Q4_1, Q5_0, Q5_1) have in common: the extremes of a block, its
 * levels in bytes, and the way back. `src` of a block is 32 f32. Weights are finite.
 */

/** Which of 32 lanes, eight vectors of four, hold `wanted`: bit i for float i. Both zeros are equal. */
function places(src: usize, wanted: v128, absolute: v128): u32 {
  let found: u32 = 0
  for (let i: u32 = 0; i < 8; i++) {
    const value = v128.and(v128.load(src + ((<usize>i) << 4)), absolute)
    found |= (<u32>i32x4.bitmask(f32x4.eq(value, wanted))) << (i << 2)
  }
  return found
}

function load32(src: usize, found: u32): f32 {
  return load<f32>(src + ((<usize>ctz<u32>(found)) << 2))
}

const everything = i32x4.splat(-1)
const withoutSign = i32x4.splat(0x7fffffff)

/** The greatest of four lanes. */
function greatestLane(values: v128): f32 {
  const two = f32x4.pmax(values, v128.shuffle<i32>(values, values, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmax(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0)
}

/** The least of four lanes. */
function leastLane(values: v128): f32 {
  const two = f32x4.pmin(values, v128.shuffle<i32>(values, values, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmin(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0)
}

function greatestOf(src: usize): f32 {
  let greatest = v128.load(src)
  for (let at = src + 16; at < src + 128; at += 16) greatest = f32x4.pmax(greatest, v128.load(at))
  return greatestLane(greatest)
}

function leastOf(src: usize): f32 {
  let least = v128.load(src)
  for (let at = src + 16; at < src + 128; at += 16) least = f32x4.pmin(least, v128.load(at))
  return leastLane(least)
}

/** The first of the weights that are largest without their sign; +0 where all are 0. */
export function firstLargest(src: usize): f32 {
  let greatest = v128.load(src)
  let least = greatest
  for (let at = src + 16; at < src + 128; at += 16) {
    const x = v128.load(at)
    greatest = f32x4.pmax(greatest, x)
    least = f32x4.pmin(least, x)
  }
  const above = greatestLane(greatest)
  const below = leastLane(least)
  if (above > -below) return above
  if (above < -below) return below
  if (above == 0) return 0
  return load32(src, places(src, f32x4.splat(above), withoutSign))
}

/** The first of the least weights (first: it may be either zero). */
export function firstLeast(src: usize): f32 {
  const least = leastOf(src)
  return least != 0 ? least : load32(src, places(src, f32x4.splat(0), everything))
}

/** The first of the greatest weights (as above). */
export function firstGreatest(src: usize): f32 {
  const greatest = greatestOf(src)
  return greatest != 0 ? greatest : load32(src, places(src, f32x4.splat(0), everything))
}

function fourLevels(src: usize, least: v128, inverse: v128, offset: v128): v128 {
  const scaled = f32x4.mul(f32x4.sub(v128.load(src), least), inverse)
  return i32x4.trunc_sat_f32x4_s(f32x4.add(scaled, offset))
}

/**
 * The levels of 16 weights at `src`, one in each byte: (weight − least) · inverse + offset without its fraction,
 * which must lie in 0–255. An infinite `inverse` (of a scale below 2^-128) makes every level 0, as C on x86 does.
 */
export function sixteenLevels(src: usize, least: f32, inverse: f32, offset: f32): v128 {
  if (inverse == Infinity || inverse == -Infinity) return i32x4.splat(0)
  const from = f32x4.splat(least)
  const by = f32x4.splat(inverse)
  const plus = f32x4.splat(offset)
  const low = i16x8.narrow_i32x4_s(fourLevels(src, from, by, plus), fourLevels(src + 16, from, by, plus))
  const high = i16x8.narrow_i32x4_s(fourLevels(src + 32, from, by, plus), fourLevels(src + 48, from, by, plus))
  return i8x16.narrow_i16x8_u(low, high)
}

function spreadEight(levels: v128, dst: usize, scale: v128, least: v128): void {
  const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(levels))
  const high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(levels))
  v128.store(dst, f32x4.add(f32x4.mul(low, scale), least))
  v128.store(dst, f32x4.add(f32x4.mul(high, scale), least), 16)
}

/** Sixteen signed bytes to level · scale + least, 16 f32 at `dst`. A `least` of −0 adds nothing, not even to −0. */
export function spreadSixteen(levels: v128, dst: usize, scale: f32, least: f32): void {
  const by = f32x4.splat(scale)
  const from = f32x4.splat(least)
  spreadEight(i16x8.extend_low_i8x16_s(levels), dst, by, from)
  spreadEight(i16x8.extend_high_i8x16_s(levels), dst + 32, by, from)
}
