/**
 * TQ2_0: blocks of 256 weights, 66 bytes: 64 bytes with the levels of ./ternary-levels in two bits each, byte l of the
 * 32 bytes for weights 128k to 128k + 127 holding weights l, l + 32, l + 64 and l + 96 of those from its low bits up;
 * the half-precision scale.
 */
import { spreadSixteen } from './block-of-32'
import { floatFromHalf, halfFromFloat } from './half'
import { largestOf, ternaryLevels } from './ternary-levels'

const scaleAt: usize = 64
const blockBytes: usize = 66

/** 64 weights, every 32nd run of 16 of 128, to 16 bytes. */
function packSixteen(src: usize, dst: usize, inverse: f32): void {
  const low = v128.or(ternaryLevels(src, inverse, 1), i8x16.shl(ternaryLevels(src + 128, inverse, 1), 2))
  const high = v128.or(ternaryLevels(src + 256, inverse, 1), i8x16.shl(ternaryLevels(src + 384, inverse, 1), 2))
  v128.store(dst, v128.or(low, i8x16.shl(high, 4)))
}

/** `src`: 256 · `blocks` f32; `dst`: 66 · `blocks` bytes. */
export function quantizeTQ20(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = largestOf(src, 256)
    const inverse: f32 = scale != 0 ? 1 / scale : 0
    packSixteen(src, dst, inverse)
    packSixteen(src + 64, dst + 16, inverse)
    packSixteen(src + 512, dst + 32, inverse)
    packSixteen(src + 576, dst + 48, inverse)
    store<u16>(dst, halfFromFloat(scale), scaleAt)
    src += 1024
    dst += blockBytes
  }
}

/** The inverse of {@link quantizeTQ20}: `src` blocks, `dst` f32. */
export function dequantizeTQ20(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = floatFromHalf(load<u16>(src, scaleAt))
    for (let i: usize = 0; i < 16; i++) {
      const bytes = v128.load(src + ((i >> 3) << 5) + ((i & 1) << 4))
      const levels = v128.and(i8x16.shr_u(bytes, <i32>(i & 6)), i8x16.splat(3))
      spreadSixteen(i8x16.sub(levels, i8x16.splat(1)), dst, scale, -0.0)
      dst += 64
    }
    src += blockBytes
  }
}
