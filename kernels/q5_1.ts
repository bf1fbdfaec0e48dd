/**
 * Q5_1: blocks of 32 weights, each a half-precision scale, the half-precision least weight and 32 levels of 5 bits
 * (24 bytes). Weight = scale · level + least.
 */
import { firstGreatest, firstLeast, sixteenLevels, spreadSixteen } from './block-of-32'
import { highFiveBits, lowFiveBits, packFiveBits } from './five-bit-levels'
import { floatFromHalf, halfFromFloat } from './half'
import { blockLevels, fitBlocks, leastOf, meanSquare, scaleOf, takeLevels } from './weighted-block-of-32'

const blockBytes: usize = 24

/** One row by its importances. */
function quantizeWeighted(src: usize, dst: usize, blocks: i32, importance: usize): void {
  const mean = meanSquare(src, blocks)
  while (blocks > 0) {
    const fitted = fitBlocks(src, importance, blocks, mean, 31)
    for (let block: usize = 0; block < <usize>fitted; block++) {
      store<u16>(dst, halfFromFloat(scaleOf(block)))
      store<u16>(dst, halfFromFloat(leastOf(block)), 2)
      takeLevels(block, src, 31)
      packFiveBits(v128.load(blockLevels), v128.load(blockLevels, 16), dst + 4)
      src += 128
      dst += blockBytes
    }
    importance += (<usize>fitted) << 7
    blocks -= fitted
  }
}

/** `src`: 32 · `blocks` f32; `dst`: 24 · `blocks` bytes; `importance`: those of one row, 32 · `blocks` f32, or 0. */
export function quantizeQ51(src: usize, dst: usize, blocks: i32, importance: usize): void {
  if (importance != 0) {
    quantizeWeighted(src, dst, blocks, importance)
    return
  }
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
