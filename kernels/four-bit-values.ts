/**
 * What IQ4_NL and IQ4_XS have in common: levels of 4 bits that stand for 16 values, denser around 0, and 32 of them in
 * 16 bytes: byte i holds the level of weight i and, above, of weight 16 + i. Weight = scale · value of its level.
 */

/** The value of level 0: the largest without its sign. */
export const extreme: f32 = -127

/** The values of the levels, as bytes. Source: ggml-common.h, kvalues_iq4nl. */
function levelValues(): v128 {
  return i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
}

/** −1 for each of the two bounds that `x` is below. */
function below(x: v128, first: f32, second: f32): v128 {
  return i32x4.add(f32x4.lt(x, f32x4.splat(first)), f32x4.lt(x, f32x4.splat(second)))
}

/**
 * The level with the value nearest to `x`, in each lane: 15 less one for each middle of two values above it. At a
 * middle ggml takes the upper level, and for NaN the last; both fall out of "not below".
 */
export function nearestLevels(x: v128): v128 {
  const lowest = i32x4.add(below(x, -115.5, -93.5), below(x, -74, -57))
  const lower = i32x4.add(below(x, -42, -28.5), below(x, -16, -4.5))
  const upper = i32x4.add(below(x, 7, 19), below(x, 31.5, 45.5))
  const highest = i32x4.add(below(x, 61, 79), f32x4.lt(x, f32x4.splat(101)))
  return i32x4.add(i32x4.add(i32x4.splat(15), i32x4.add(lowest, lower)), i32x4.add(upper, highest))
}

/** The values of four levels, as f32. */
export function valuesOf(levels: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.shr_s(i32x4.shl(i8x16.swizzle(levelValues(), levels), 24), 24))
}

/** Levels of four weights, in the lowest byte of each lane. */
function fourLevels(src: usize, inverse: v128): v128 {
  return nearestLevels(f32x4.mul(inverse, v128.load(src)))
}

function sixteenLevels(src: usize, inverse: v128): v128 {
  const low = i16x8.narrow_i32x4_s(fourLevels(src, inverse), fourLevels(src + 16, inverse))
  const high = i16x8.narrow_i32x4_s(fourLevels(src + 32, inverse), fourLevels(src + 48, inverse))
  return i8x16.narrow_i16x8_u(low, high)
}

/**
 * The levels of 32 weights at `src` under `scale` to 16 bytes at `dst`. Under scale 0 every weight gets level 8, whose
 * value is the nearest to 0.
 */
export function storeLevels(src: usize, dst: usize, scale: f32): void {
  if (scale == 0) {
    v128.store(dst, i8x16.splat(<i8>0x88))
    return
  }
  const inverse = f32x4.splat(1 / scale)
  v128.store(dst, v128.or(sixteenLevels(src, inverse), i8x16.shl(sixteenLevels(src + 64, inverse), 4)))
}

function spreadEight(bytes: v128, dst: usize, scale: v128): void {
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(bytes))))
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(bytes))), 16)
}

function spreadSixteen(levels: v128, dst: usize, scale: v128): void {
  const bytes = i8x16.swizzle(levelValues(), levels)
  spreadEight(i16x8.extend_low_i8x16_s(bytes), dst, scale)
  spreadEight(i16x8.extend_high_i8x16_s(bytes), dst + 32, scale)
}

/** The inverse of {@link storeLevels}: 16 bytes at `src` to 32 f32 at `dst`. */
export function loadLevels(src: usize, dst: usize, scale: f32): void {
  const packed = v128.load(src)
  spreadSixteen(v128.and(packed, i8x16.splat(15)), dst, f32x4.splat(scale))
  spreadSixteen(i8x16.shr_u(packed, 4), dst + 64, f32x4.splat(scale))
}
