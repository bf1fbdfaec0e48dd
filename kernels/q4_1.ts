/**
 * Q4_1: blocks of 32 weights, each a half-precision scale, the half-precision least weight and 32 levels of 4 bits
 * (20 bytes). Weight = scale · level + least.
 */
import { firstGreatest, firstLeast, sixteenLevels, spreadSixteen } from './block-of-32'
import { floatFromHalf, halfFromFloat } from './half'

const blockBytes: usize = 20

/** `src`: 32 · `blocks` f32; `dst`: 20 · `blocks` bytes. Without an importance matrix. */
export function quantizeQ41(src: usize, dst: usize, blocks: i32): void {
  const top = i8x16.splat(15)
  for (let block = 0; block < blocks; block++) {
    const least = firstLeast(src)
    const scale = (firstGreatest(src) - least) / 15
    const inverse: f32 = scale != 0 ? 1 / scale : 0
    store<u16>(dst, halfFromFloat(scale))
    store<u16>(dst, halfFromFloat(least), 2)
    const low = i8x16.min_u(sixteenLevels(src, least, inverse, 0.5), top)
    const high = i8x16.min_u(sixteenLevels(src + 64, least, inverse, 0.5), top)
    v128.store(dst, v128.or(low, i8x16.shl(high, 4)), 4)
    src += 128
    dst += blockBytes
  }
}

/** The inverse of {@link quantizeQ41}: `src` blocks, `dst` f32. */
export function dequantizeQ41(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = floatFromHalf(load<u16>(src))
    const least = floatFromHalf(load<u16>(src, 2))
    const packed = v128.load(src, 4)
    spreadSixteen(v128.and(packed, i8x16.splat(15)), dst, scale, least)
    spreadSixteen(i8x16.shr_u(packed, 4), dst + 64, scale, least)
    src += blockBytes
    dst += 128
  }
}
