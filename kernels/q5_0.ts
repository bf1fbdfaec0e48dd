/**
 * Q5_0: blocks of 32 weights, each a half-precision scale and 32 levels of 5 bits (22 bytes).
 * Weight = scale · (level − 16). The scale is that of the largest weight at level 0: its sign is the opposite one.
 */
import { firstLargest, sixteenLevels, spreadSixteen } from './block-of-32'
import { highFiveBits, lowFiveBits, packFiveBits } from './five-bit-levels'
import { floatFromHalf, halfFromFloat } from './half'
import { meanSquare } from './weighted-block-of-32'
import { fitSignedBlocks, signedLevels, signedScaleOf, takeSignedLevels } from './weighted-signed-block-of-32'

const blockBytes: usize = 22

/** One row by its importances. */
function quantizeWeighted(src: usize, dst: usize, blocks: i32, importance: usize): void {
  const mean = meanSquare(src, blocks)
  while (blocks > 0) {
    const fitted = fitSignedBlocks(src, importance, blocks, mean, 16)
    for (let block: usize = 0; block < <usize>fitted; block++) {
      store<u16>(dst, halfFromFloat(signedScaleOf(block)))
      takeSignedLevels(block, src, 16)
      packFiveBits(v128.load(signedLevels), v128.load(signedLevels, 16), dst + 2)
      src += 128
      dst += blockBytes
    }
    importance += (<usize>fitted) << 7
    blocks -= fitted
  }
}

/** `src`: 32 · `blocks` f32; `dst`: 22 · `blocks` bytes; `importance`: those of one row, 32 · `blocks` f32, or 0. */
export function quantizeQ50(src: usize, dst: usize, blocks: i32, importance: usize): void {
  if (importance != 0) {
    quantizeWeighted(src, dst, blocks, importance)
    return
  }
  const greatest = i8x16.splat(31)
  for (let block = 0; block < blocks; block++) {
    const scale = firstLargest(src) / -16
    const inverse: f32 = scale != 0 ? 1 / scale : 0
    store<u16>(dst, halfFromFloat(scale))
    const low = i8x16.min_u(sixteenLevels(src, 0, inverse, 16.5), greatest)
    const high = i8x16.min_u(sixteenLevels(src + 64, 0, inverse, 16.5), greatest)
    packFiveBits(low, high, dst + 2)
    src += 128
    dst += blockBytes
  }
}

/** The inverse of {@link quantizeQ50}: `src` blocks, `dst` f32. */
export function dequantizeQ50(src: usize, dst: usize, blocks: i32): void {
  const middle = i8x16.splat(16)
  for (let block = 0; block < blocks; block++) {
    const scale = floatFromHalf(load<u16>(src))
    spreadSixteen(i8x16.sub(lowFiveBits(src + 2), middle), dst, scale, -0.0)
    spreadSixteen(i8x16.sub(highFiveBits(src + 2), middle), dst + 64, scale, -0.0)
    src += blockBytes
    dst += 128
  }
}
