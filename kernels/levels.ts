/**
 * Final levels of a sub-block, one byte each, with ggml's integer rounding (`nearest_int`) for any value; and back.
 */
import { nearestInts } from './nearest'

/** Four quotients or products to four levels 0…`top`. */
function clampedLevels(scaled: v128, top: v128): v128 {
  return i32x4.max_s(i32x4.splat(0), i32x4.min_s(top, nearestInts(scaled)))
}

function sixteenBytes(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(a, b), i16x8.narrow_i32x4_u(c, d))
}

/** Levels (value + min) / scale of `count` f32 (a multiple of 16) under the rounded scale and minimum of the block. */
export function levelsByScale(src: usize, dst: usize, count: i32, scale: f32, min: f32, top: i32): void {
  const scales = f32x4.splat(scale)
  const mins = f32x4.splat(min)
  const tops = i32x4.splat(top)
  for (const end = dst + <usize>count; dst < end; dst += 16) {
    v128.store(
      dst,
      sixteenBytes(
        clampedLevels(f32x4.div(f32x4.add(v128.load(src), mins), scales), tops),
        clampedLevels(f32x4.div(f32x4.add(v128.load(src, 16), mins), scales), tops),
        clampedLevels(f32x4.div(f32x4.add(v128.load(src, 32), mins), scales), tops),
        clampedLevels(f32x4.div(f32x4.add(v128.load(src, 48), mins), scales), tops),
      ),
    )
    src += 64
  }
}

/** Levels inverse · (value − from), as the search took them; kept where the rounded scale of a sub-block is 0. */
export function levelsByInverse(src: usize, dst: usize, count: i32, inverse: f32, from: f32, top: i32): void {
  const inverses = f32x4.splat(inverse)
  const froms = f32x4.splat(from)
  const tops = i32x4.splat(top)
  for (const end = dst + <usize>count; dst < end; dst += 16) {
    v128.store(
      dst,
      sixteenBytes(
        clampedLevels(f32x4.mul(inverses, f32x4.sub(v128.load(src), froms)), tops),
        clampedLevels(f32x4.mul(inverses, f32x4.sub(v128.load(src, 16), froms)), tops),
        clampedLevels(f32x4.mul(inverses, f32x4.sub(v128.load(src, 32), froms)), tops),
        clampedLevels(f32x4.mul(inverses, f32x4.sub(v128.load(src, 48), froms)), tops),
      ),
    )
    src += 64
  }
}

/** Weight = scale · level − min of 16 level bytes to 16 f32. */
export function storeSixteen(dst: usize, bytes: v128, scale: f32, min: f32): void {
  const scales = f32x4.splat(scale)
  const mins = f32x4.splat(min)
  const low = i16x8.extend_low_i8x16_u(bytes)
  const high = i16x8.extend_high_i8x16_u(bytes)
  v128.store(dst, weights(i32x4.extend_low_i16x8_u(low), scales, mins))
  v128.store(dst, weights(i32x4.extend_high_i16x8_u(low), scales, mins), 16)
  v128.store(dst, weights(i32x4.extend_low_i16x8_u(high), scales, mins), 32)
  v128.store(dst, weights(i32x4.extend_high_i16x8_u(high), scales, mins), 48)
}

function weights(level: v128, scale: v128, min: v128): v128 {
  return f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(level)), min)
}
