/**
 * Q4_K: superblocks of 256 weights, 144 bytes: the head of ./superblock-of-32, then levels 0…15 in 128 bytes: byte l of
 * the 32 bytes for sub-blocks 2k and 2k+1 holds their weights l in its low and its high four bits.
 */
import { storeSixteen } from './levels'
import {
  fitSuperblocks,
  headBytes,
  levelBytes,
  readHead,
  roundSuperblock,
  subBlockMin,
  subBlockScale,
} from './superblock-of-32'

const blockBytes: usize = headBytes + 128

function packLevels(dst: usize): void {
  for (let pair: usize = 0; pair < 4; pair++) {
    const levels = levelBytes + (pair << 6)
    v128.store(dst, v128.or(v128.load(levels), i8x16.shl(v128.load(levels, 32), 4)))
    v128.store(dst, v128.or(v128.load(levels, 16), i8x16.shl(v128.load(levels, 48), 4)), 16)
    dst += 32
  }
}

/** `src`: 256 · `blocks` f32; `dst`: 144 · `blocks` bytes; `importance`: 256 · `blocks` f32, or 0 for none. */
export function quantizeQ4K(src: usize, dst: usize, blocks: i32, importance: usize): void {
  while (blocks > 0) {
    const fitted = fitSuperblocks(src, blocks, importance, 15, -1, 20)
    for (let k = 0; k < fitted; k++) {
      roundSuperblock(k, src, dst, importance != 0, 15)
      packLevels(dst + headBytes)
      src += 1024
      dst += blockBytes
    }
    if (importance != 0) importance += (<usize>fitted) << 10
    blocks -= fitted
  }
}

/** The inverse of {@link quantizeQ4K}: `src` blocks, `dst` f32. */
export function dequantizeQ4K(src: usize, dst: usize, blocks: i32): void {
  const lowBits = i8x16.splat(15)
  for (let block = 0; block < blocks; block++) {
    readHead(src)
    for (let subBlock: usize = 0; subBlock < 8; subBlock += 2) {
      const first = v128.load(src + headBytes + (subBlock << 4))
      const second = v128.load(src + headBytes + (subBlock << 4), 16)
      storeSixteen(dst, v128.and(first, lowBits), subBlockScale(subBlock), subBlockMin(subBlock))
      storeSixteen(dst + 64, v128.and(second, lowBits), subBlockScale(subBlock), subBlockMin(subBlock))
      storeSixteen(dst + 128, i8x16.shr_u(first, 4), subBlockScale(subBlock + 1), subBlockMin(subBlock + 1))
      storeSixteen(dst + 192, i8x16.shr_u(second, 4), subBlockScale(subBlock + 1), subBlockMin(subBlock + 1))
      dst += 256
    }
    src += blockBytes
  }
}
