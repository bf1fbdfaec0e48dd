/**
 * Half-precision floats (IEEE 754 binary16) to and from f32, with the bits that ggml gives: round to nearest even,
 * subnormals kept, overflow to infinity. Only additions and multiplications by powers of two are used, so every
 * step is exact but the one rounding wanted.
 * Method: https://github.com/Maratyszcza/FP16; ggml uses the same.
 */

/** 2^112: takes every f32 that overflows a half to infinity. */
const scaleToInf = reinterpret<f32>(0x77800000)
/** 2^-110: together with 2^112 a factor of 4, which leaves the mantissa as it was. */
const scaleToZero = reinterpret<f32>(0x08800000)
/** 2^-112: the difference of the exponent biases after the bits have been shifted into place. */
const exponentScale = reinterpret<f32>(0x07800000)

export function halfFromFloat(value: f32): u16 {
  const bits = reinterpret<u32>(value)
  const twice = bits + bits
  const exponent = max<u32>(twice & 0xff000000, 0x71000000)
  const scaled: f32 = Mathf.abs(value) * scaleToInf * scaleToZero
  const rounded = reinterpret<u32>(reinterpret<f32>((exponent >> 1) + 0x07800000) + scaled)
  const magnitude: u32 = twice > 0xff000000 ? 0x7e00 : ((rounded >> 13) & 0x7c00) + (rounded & 0xfff)
  return <u16>(((bits >> 16) & 0x8000) | magnitude)
}

export function floatFromHalf(half: u16): f32 {
  const bits = (<u32>half) << 16
  const twice = bits + bits
  const normal: f32 = reinterpret<f32>((twice >> 4) + 0x70000000) * exponentScale
  const subnormal: f32 = reinterpret<f32>((twice >> 17) | 0x3f000000) - 0.5
  const magnitude = reinterpret<u32>(twice < 0x08000000 ? subnormal : normal)
  return reinterpret<f32>((bits & 0x80000000) | magnitude)
}

/** Four f32 to four halves, each in the low 16 bits of its 32-bit lane. */
export function halvesFromFloats(values: v128): v128 {
  const twice = i32x4.shl(values, 1)
  const exponent = i32x4.max_u(v128.and(twice, i32x4.splat(0xff000000)), i32x4.splat(0x71000000))
  const scaled = f32x4.mul(f32x4.mul(f32x4.abs(values), f32x4.splat(scaleToInf)), f32x4.splat(scaleToZero))
  const rounded = f32x4.add(i32x4.add(i32x4.shr_u(exponent, 1), i32x4.splat(0x07800000)), scaled)
  const magnitude = i32x4.add(
    v128.and(i32x4.shr_u(rounded, 13), i32x4.splat(0x7c00)),
    v128.and(rounded, i32x4.splat(0xfff)),
  )
  const sign = v128.and(i32x4.shr_u(values, 16), i32x4.splat(0x8000))
  const notANumber = f32x4.ne(values, values)
  return v128.or(sign, v128.bitselect(i32x4.splat(0x7e00), magnitude, notANumber))
}

/** Four halves, each in the low 16 bits of its 32-bit lane with zeros above, to four f32. */
export function floatsFromHalves(halves: v128): v128 {
  const bits = i32x4.shl(halves, 16)
  const twice = i32x4.shl(halves, 17)
  const normal = f32x4.mul(i32x4.add(i32x4.shr_u(twice, 4), i32x4.splat(0x70000000)), f32x4.splat(exponentScale))
  const subnormal = f32x4.sub(v128.or(i32x4.shr_u(twice, 17), i32x4.splat(0x3f000000)), f32x4.splat(0.5))
  const isSubnormal = i32x4.lt_u(twice, i32x4.splat(0x08000000))
  const magnitude = v128.bitselect(subnormal, normal, isSubnormal)
  return v128.or(v128.and(bits, i32x4.splat(0x80000000)), magnitude)
}
