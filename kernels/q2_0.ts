/**
 * Q2_0: blocks of 64 weights, 18 bytes: the half-precision scale, then the levels of ./ternary-levels in two bits each,
 * four weights to a byte from its low bits up. Level 3, twice the scale, can be read but is never written.
 */
import { spreadSixteen } from './block-of-32'
import { floatFromHalf, halfFromFloat } from './half'
import { largestOf, ternaryLevels } from './ternary-levels'

const blockBytes: usize = 18
const weightBytes: usize = 256

/** 16 weights to 4 bytes. */
function packSixteen(src: usize, dst: usize, inverse: f32): void {
  const levels = ternaryLevels(src, inverse, 0)
  const pairs = v128.or(levels, i32x4.shr_u(levels, 6))
  const fours = v128.and(v128.or(pairs, i32x4.shr_u(pairs, 12)), i32x4.splat(0xff))
  const shorts = i16x8.narrow_i32x4_u(fours, fours)
  v128.store32_lane(dst, i8x16.narrow_i16x8_u(shorts, shorts), 0)
}

/** `src`: 64 · `blocks` f32; `dst`: 18 · `blocks` bytes. */
export function quantizeQ20(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = largestOf(src, 64)
    const inverse: f32 = scale != 0 ? 1 / scale : 0
    store<u16>(dst, halfFromFloat(scale))
    packSixteen(src, dst + 2, inverse)
    packSixteen(src + 64, dst + 6, inverse)
    packSixteen(src + 128, dst + 10, inverse)
    packSixteen(src + 192, dst + 14, inverse)
    src += weightBytes
    dst += blockBytes
  }
}

/** The 16 levels in the 4 bytes at `src`, one in each byte. */
function unpackSixteen(src: usize): v128 {
  const four = v128.load32_zero(src)
  const spread = i8x16.swizzle(four, i8x16(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3))
  const own = v128.and(spread, i32x4.splat(0xc0300c03))
  const shorts = v128.or(own, i32x4.shr_u(own, 4))
  const top = v128.or(shorts, i16x8.shr_u(shorts, 2))
  return v128.and(top, i8x16.splat(3))
}

/** The inverse of {@link quantizeQ20}: `src` blocks, `dst` f32. */
export function dequantizeQ20(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = floatFromHalf(load<u16>(src))
    for (let at = src + 2; at < src + blockBytes; at += 4) {
      spreadSixteen(i8x16.sub(unpackSixteen(at), i8x16.splat(1)), dst, scale, -0.0)
      dst += 64
    }
    src += blockBytes
  }
}
