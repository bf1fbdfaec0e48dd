/**
 * What MXFP4 and NVFP4 have in common: levels of 4 bits that are floats of 1 sign, 2 exponent and 1 mantissa bits
 * (E2M1). Doubled they are the integers 0, 1, 2, 3, 4, 6, 8, 12 (levels 0–7) and those with a minus (levels 8–15).
 * Weight = unit · doubled value.
 * Source: OCP Microscaling Formats (MX) Specification 1.0, and kvalues_mxfp4 of ggml-common.h.
 */

/** The doubled values of levels as bytes. */
function valuesOf(levels: v128): v128 {
  return i8x16.swizzle(i8x16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12), levels)
}

/** −1 where `magnitude` is above `middle` units. */
function above(magnitude: v128, unit: v128, middle: f32): v128 {
  return f32x4.gt(magnitude, f32x4.mul(unit, f32x4.splat(middle)))
}

/** −1 where the rounded error of `value` units is more than `least`, that of 12. */
function worse(magnitude: v128, unit: v128, value: f32, least: v128): v128 {
  return f32x4.gt(f32x4.sub(magnitude, f32x4.mul(unit, f32x4.splat(value))), least)
}

/**
 * The magnitudes far above 12 units: errors are so near to each other that floats may not tell them apart, and ggml
 * takes the first of equals.
 */
function farLevels(magnitude: v128, unit: v128): v128 {
  const least = f32x4.sub(magnitude, f32x4.mul(unit, f32x4.splat(12)))
  const low = i32x4.add(worse(magnitude, unit, 0, least), worse(magnitude, unit, 1, least))
  const middle = i32x4.add(worse(magnitude, unit, 2, least), worse(magnitude, unit, 3, least))
  const high = i32x4.add(worse(magnitude, unit, 4, least), worse(magnitude, unit, 6, least))
  return i32x4.neg(i32x4.add(i32x4.add(low, middle), i32x4.add(high, worse(magnitude, unit, 8, least))))
}

/**
 * The levels 0–7 of four magnitudes: the value with the least error, the lower one of equals. Up to 24 units the errors
 * of the two nearest values are exact (Sterbenz), so that the middles between values decide.
 */
function nearLevels(magnitude: v128, unit: v128): v128 {
  const low = i32x4.add(above(magnitude, unit, 0.5), above(magnitude, unit, 1.5))
  const middle = i32x4.add(above(magnitude, unit, 2.5), above(magnitude, unit, 3.5))
  const high = i32x4.add(above(magnitude, unit, 5), above(magnitude, unit, 7))
  return i32x4.neg(i32x4.add(i32x4.add(low, middle), i32x4.add(high, above(magnitude, unit, 10))))
}

/** Levels of the four weights at `src`, one in each lane, none above `top` (without its sign). */
export function fourLevels(src: usize, unit: v128, top: v128): v128 {
  const x = v128.load(src)
  const magnitude = f32x4.abs(x)
  let level = nearLevels(magnitude, unit)
  const far = above(magnitude, unit, 24)
  if (v128.any_true(far)) level = v128.bitselect(farLevels(magnitude, unit), level, far)
  level = i32x4.min_s(level, top)
  // A negative zero does not exist: what rounds to level 0 keeps no sign.
  const negative = v128.andnot(f32x4.lt(x, f32x4.splat(0)), i32x4.eq(level, i32x4.splat(0)))
  return v128.or(level, v128.and(negative, i32x4.splat(8)))
}

function storeFour(values: v128, dst: usize, unit: v128): void {
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(values), unit))
}

/** Sixteen levels, one in each byte, to 16 f32. */
export function spreadLevels(levels: v128, dst: usize, unit: f32): void {
  const bytes = valuesOf(levels)
  const low = i16x8.extend_low_i8x16_s(bytes)
  const high = i16x8.extend_high_i8x16_s(bytes)
  const units = f32x4.splat(unit)
  storeFour(i32x4.extend_low_i16x8_s(low), dst, units)
  storeFour(i32x4.extend_high_i16x8_s(low), dst + 16, units)
  storeFour(i32x4.extend_low_i16x8_s(high), dst + 32, units)
  storeFour(i32x4.extend_high_i16x8_s(high), dst + 48, units)
}
