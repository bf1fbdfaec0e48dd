/**
 * Q4_1: blocks of 32 weights, each a half-precision scale, the half-precision least weight and 32 levels of 4 bits
 * (20 bytes). Weight = scale · level + least.
 */
import { firstGreatest, firstLeast, sixteenLevels, spreadSixteen } from './block-of-32'
import { floatFromHalf, halfFromFloat } from './half'
import { blockLevels, fitBlocks, leastOf, meanSquare, scaleOf, takeLevels } from './weighted-block-of-32'

const blockBytes: usize = 20

/** One row by its importances. */
function quantizeWeighted(src: usize, dst: usize, blocks: i32, importance: usize): void {
  const mean = meanSquare(src, blocks)
  while (blocks > 0) {
    const fitted = fitBlocks(src, importance, blocks, mean, 15)
    for (let block: usize = 0; block < <usize>fitted; block++) {
      store<u16>(dst, halfFromFloat(scaleOf(block)))
      store<u16>(dst, halfFromFloat(leastOf(block)), 2)
      takeLevels(block, src, 15)
      v128.store(dst, v128.or(v128.load(blockLevels), i8x16.shl(v128.load(blockLevels, 16), 4)), 4)
      src += 128
      dst += blockBytes
    }
    importance += (<usize>fitted) << 7
    blocks -= fitted
  }
}

/** `src`: 32 · `blocks` f32; `dst`: 20 · `blocks` bytes; `importance`: those of one row, 32 · `blocks` f32, or 0. */
export function quantizeQ41(src: usize, dst: usize, blocks: i32, importance: usize): void {
  if (importance != 0) {
    quantizeWeighted(src, dst, blocks, importance)
    return
  }
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
