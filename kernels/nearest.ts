/**
 * Rounding to the nearest integer, ties to even, as ggml's `nearest_int` does it: adding 1.5·2^23 pushes the fraction
 * out of the mantissa. For |value| up to 4194303 (2^22 − 1) the result is the exact nearest integer. Beyond, ggml
 * takes what the low mantissa bits then hold, and so must we: only the integer forms follow it there (and for NaN).
 */
const roundingOffset: f32 = 12582912.0

/** `nearest_int` of ggml for any bit pattern. */
export function nearestInt(value: f32): i32 {
  return (reinterpret<i32>(value + roundingOffset) & 0x007fffff) - 0x00400000
}

/** `nearest_int` of ggml in each lane, for any bit pattern: four f32 to four i32. */
export function nearestInts(values: v128): v128 {
  const shifted = f32x4.add(values, f32x4.splat(roundingOffset))
  return i32x4.sub(v128.and(shifted, i32x4.splat(0x007fffff)), i32x4.splat(0x00400000))
}

/** The nearest integers as four f32; requires |value| ≤ 4194303 in every lane. */
export function nearest(values: v128): v128 {
  const offset = f32x4.splat(roundingOffset)
  return f32x4.sub(f32x4.add(values, offset), offset)
}
