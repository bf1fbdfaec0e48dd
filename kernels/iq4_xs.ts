/**
 * IQ4_XS: superblocks of 256 weights, 136 bytes, as eight sub-blocks of 32: the unit of the scales (f16); the top two
 * bits of the eight scales (16 bits, sub-block 0 lowest); their low four bits (4 bytes, the even sub-block of a pair in
 * the low half); for each sub-block the 16 bytes of ./four-bit-values. Scale = unit · (6-bit number − 32).
 */
import { group, groupBytes, searchScales } from './four-bit-search'
import { loadLevels, storeLevels } from './four-bit-values'
import { floatFromHalf, halfFromFloat } from './half'
import { sumOfSquares } from './importance-counts'
import { nearestInt } from './nearest'

const highBitsAt: usize = 2
const lowBitsAt: usize = 4
const levelsAt: usize = 8
const blockBytes: usize = 136
/** Bytes of the weights of one superblock, and of one sub-block. */
const superblockBytes: usize = 1024
const weightBytes: usize = 128

const subBlocks: usize = 8
/** The scales found, one f32 per sub-block. */
const scales: usize = memory.data(32, 16)

/** The first of the scales that are largest without their sign; 0 where none is above 0. NaN is passed over. */
function largestScale(): f32 {
  let largest: f32 = 0
  let magnitude: f32 = 0
  for (let at = scales; at < scales + (subBlocks << 2); at += 4) {
    const scale = load<f32>(at)
    if (!(Mathf.abs(scale) > magnitude)) continue
    magnitude = Mathf.abs(scale)
    largest = scale
  }
  return largest
}

/** Rounds {@link scales}: the block's head, and the levels that suit the rounded scales. */
function roundScales(src: usize, dst: usize): void {
  const unit: f32 = -largestScale() / 32
  const inverse: f32 = unit != 0 ? 1 / unit : 0
  let low: u32 = 0
  let high: u32 = 0
  for (let i: usize = 0; i < subBlocks; i++) {
    const scale = max<i32>(-32, min<i32>(31, nearestInt(inverse * load<f32>(scales + (i << 2)))))
    const bits = <u32>(scale + 32)
    low |= (bits & 15) << ((<u32>i) << 2)
    high |= (bits >> 4) << ((<u32>i) << 1)
    storeLevels(src + i * weightBytes, dst + levelsAt + (i << 4), unit * <f32>scale)
  }
  store<u16>(dst, halfFromFloat(unit))
  store<u16>(dst, <u16>high, highBitsAt)
  store<u32>(dst, low, lowBitsAt)
}

/** `src`: 256 · `blocks` f32; `dst`: 136 · `blocks` bytes; `importance`: 256 · `blocks` f32, or 0 for none. */
export function quantizeIQ4XS(src: usize, dst: usize, blocks: i32, importance: usize): void {
  for (let block = 0; block < blocks; block++) {
    const mean = importance != 0 ? sumOfSquares(src, 256) * (<f32>2 / 256) : 0
    searchScales(src, scales, importance, mean)
    searchScales(src + groupBytes, scales + ((<usize>group) << 2), importance != 0 ? importance + groupBytes : 0, mean)
    roundScales(src, dst)
    src += superblockBytes
    dst += blockBytes
    if (importance != 0) importance += superblockBytes
  }
}

/** The inverse of {@link quantizeIQ4XS}: `src` blocks, `dst` f32. */
export function dequantizeIQ4XS(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const unit = floatFromHalf(load<u16>(src))
    const high = <u32>load<u16>(src, highBitsAt)
    const low = load<u32>(src, lowBitsAt)
    for (let i: u32 = 0; i < <u32>subBlocks; i++) {
      const bits = ((low >> (i << 2)) & 15) | (((high >> (i << 1)) & 3) << 4)
      loadLevels(src + levelsAt + ((<usize>i) << 4), dst, unit * <f32>(<i32>bits - 32))
      dst += weightBytes
    }
    src += blockBytes
  }
}
