/**
 * Q5_1: blocks of 32 weights, each a half-precision scale, the half-precision least weight and 32 levels of 5 bits
 * (24 bytes). Weight = scale · level + least.
 */
import { firstGreatest, firstLeast, sixteenLevels, spreadSixteen } from './block-of-32'
import { highFiveBits, lowFiveBits, packFiveBits } from './five-bit-levels'
import { floatFromHalf, halfFromFloat } from './half'

const blockBytes: usize = 24

/** `src`: 32 · `blocks` f32; `dst`: 24 · `blocks` bytes. */
export function quantizeQ51(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const least = firstLeast(src)
    const scale = (firstGreatest(src) - least) / 31
    const inverse: f32 = scale != 0 ? 1 / scale : 0
    store<u16>(dst, halfFromFloat(scale))
    store<u16>(dst, halfFromFloat(least), 2)
    packFiveBits(sixteenLevels(src, least, inverse, 0.5), sixteenLevels(src + 64, least, inverse, 0.5), dst + 4)
    src += 128
    dst += blockBytes
  }
}

/** The inverse of {@link quantizeQ51}: `src` blocks, `dst` f32. */
export function dequantizeQ51(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = floatFromHalf(load<u16>(src))
    const least = floatFromHalf(load<u16>(src, 2))
    spreadSixteen(lowFiveBits(src + 4), dst, scale, least)
    spreadSixteen(highFiveBits(src + 4), dst + 64, scale, least)
    src += blockBytes
    dst += 128
  }
}
