/**
 * The float types: F32, F16 and BF16 to and from f32, a check for NaN and infinity, and the error between two arrays.
 * Addresses need no alignment; counts are elements, any number. A widened array may not overlap its source.
 */
import { floatFromHalf, floatsFromHalves, halfFromFloat, halvesFromFloats } from './half'

export function copyF32(src: usize, dst: usize, count: i32): void {
  memory.copy(dst, src, (<usize>count) << 2)
}

export function widenF16(src: usize, dst: usize, count: i32): void {
  const end = src + ((<usize>count) << 1)
  const vectorsEnd = src + ((<usize>(count & ~3)) << 1)
  while (src < vectorsEnd) {
    v128.store(dst, floatsFromHalves(v128.load_ext<u16>(src)))
    src += 8
    dst += 16
  }
  while (src < end) {
    store<f32>(dst, floatFromHalf(load<u16>(src)))
    src += 2
    dst += 4
  }
}

export function narrowF16(src: usize, dst: usize, count: i32): void {
  const end = src + ((<usize>count) << 2)
  const vectorsEnd = src + ((<usize>(count & ~7)) << 2)
  while (src < vectorsEnd) {
    const low = halvesFromFloats(v128.load(src))
    const high = halvesFromFloats(v128.load(src, 16))
    v128.store(dst, i16x8.narrow_i32x4_u(low, high))
    src += 32
    dst += 16
  }
  while (src < end) {
    store<u16>(dst, halfFromFloat(load<f32>(src)))
    src += 4
    dst += 2
  }
}

export function widenBF16(src: usize, dst: usize, count: i32): void {
  const end = src + ((<usize>count) << 1)
  const vectorsEnd = src + ((<usize>(count & ~3)) << 1)
  while (src < vectorsEnd) {
    v128.store(dst, i32x4.shl(v128.load_ext<u16>(src), 16))
    src += 8
    dst += 16
  }
  while (src < end) {
    store<u32>(dst, (<u32>load<u16>(src)) << 16)
    src += 2
    dst += 4
  }
}

/** Four f32 to four bfloat16 in the low halves of the lanes: to nearest even; a NaN keeps its top bits and is quiet. */
function bf16sFromFloats(values: v128): v128 {
  const top = i32x4.shr_u(values, 16)
  const odd = v128.and(top, i32x4.splat(1))
  const rounded = i32x4.shr_u(i32x4.add(values, i32x4.add(odd, i32x4.splat(0x7fff))), 16)
  return v128.bitselect(v128.or(top, i32x4.splat(64)), rounded, f32x4.ne(values, values))
}

export function narrowBF16(src: usize, dst: usize, count: i32): void {
  const end = src + ((<usize>count) << 2)
  const vectorsEnd = src + ((<usize>(count & ~7)) << 2)
  while (src < vectorsEnd) {
    const low = bf16sFromFloats(v128.load(src))
    const high = bf16sFromFloats(v128.load(src, 16))
    v128.store(dst, i16x8.narrow_i32x4_u(low, high))
    src += 32
    dst += 16
  }
  while (src < end) {
    store<u16>(dst, <u16>i32x4.extract_lane(bf16sFromFloats(v128.load32_zero(src)), 0))
    src += 4
    dst += 2
  }
}

/** Twice the bits of an f32 (which drops the sign) reach this for infinities and NaN, and for nothing else. */
const twiceNonFinite: u32 = 0xff000000

function countEachNonFinite(src: usize, end: usize): i32 {
  let found = 0
  for (; src < end; src += 4) found += i32(load<u32>(src) << 1 >= twiceNonFinite)
  return found
}

/** How many of `count` f32 are NaN or infinite. */
export function countNonFinite(src: usize, count: i32): i32 {
  const end = src + ((<usize>count) << 2)
  let found = 0
  // 64 floats at a time, of which only the largest is looked at: a healthy tensor costs a shift and a maximum each.
  for (; src + 256 <= end; src += 256) {
    let most0 = i32x4.splat(0)
    let most1 = i32x4.splat(0)
    for (let at = src; at < src + 256; at += 64) {
      most0 = i32x4.max_u(most0, i32x4.shl(v128.load(at), 1))
      most1 = i32x4.max_u(most1, i32x4.shl(v128.load(at, 16), 1))
      most0 = i32x4.max_u(most0, i32x4.shl(v128.load(at, 32), 1))
      most1 = i32x4.max_u(most1, i32x4.shl(v128.load(at, 48), 1))
    }
    if (v128.any_true(i32x4.ge_u(i32x4.max_u(most0, most1), i32x4.splat(twiceNonFinite)))) {
      found += countEachNonFinite(src, src + 256)
    }
  }
  return found + countEachNonFinite(src, end)
}

/** Σ original² of the last call of {@link squaredError}. */
export let energy: f64 = 0

/** Σ (original − restored)² over `count` f32, summed in f64; Σ original² is then in {@link energy}. */
export function squaredError(original: usize, restored: usize, count: i32): f64 {
  const end = original + ((<usize>count) << 2)
  const vectorsEnd = original + ((<usize>(count & ~3)) << 2)
  let errorLow = f64x2.splat(0)
  let errorHigh = f64x2.splat(0)
  let energyLow = f64x2.splat(0)
  let energyHigh = f64x2.splat(0)
  while (original < vectorsEnd) {
    const value = v128.load(original)
    const difference = f32x4.sub(value, v128.load(restored))
    const differenceLow = f64x2.promote_low_f32x4(difference)
    const differenceHigh = f64x2.promote_low_f32x4(v128.shuffle<i64>(difference, difference, 1, 1))
    const valueLow = f64x2.promote_low_f32x4(value)
    const valueHigh = f64x2.promote_low_f32x4(v128.shuffle<i64>(value, value, 1, 1))
    errorLow = f64x2.add(errorLow, f64x2.mul(differenceLow, differenceLow))
    errorHigh = f64x2.add(errorHigh, f64x2.mul(differenceHigh, differenceHigh))
    energyLow = f64x2.add(energyLow, f64x2.mul(valueLow, valueLow))
    energyHigh = f64x2.add(energyHigh, f64x2.mul(valueHigh, valueHigh))
    original += 16
    restored += 16
  }
  const errors = f64x2.add(errorLow, errorHigh)
  const energies = f64x2.add(energyLow, energyHigh)
  let error = f64x2.extract_lane(errors, 0) + f64x2.extract_lane(errors, 1)
  let total = f64x2.extract_lane(energies, 0) + f64x2.extract_lane(energies, 1)
  while (original < end) {
    const value = <f64>load<f32>(original)
    const difference = value - <f64>load<f32>(restored)
    error += difference * difference
    total += value * value
    original += 4
    restored += 4
  }
  energy = total
  return error
}
