/**
 * Q5_K: superblocks of 256 weights, 176 bytes: the head of ./superblock-of-32, then the fifth bits of levels 0…31 in 32
 * bytes (byte l, bit k: weight l of sub-block k), then the low four bits in 128 bytes as in Q4_K.
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

const highBytes: usize = 32
const blockBytes: usize = headBytes + highBytes + 128

/** Levels `half`…`half` + 15 of all eight sub-blocks. */
function packHalf(half: usize, dst: usize): void {
  const lowBits = i8x16.splat(15)
  let high = i8x16.splat(0)
  for (let pair: usize = 0; pair < 4; pair++) {
    const levels = levelBytes + (pair << 6) + half
    const even = v128.load(levels)
    const odd = v128.load(levels, 32)
    const low = v128.or(v128.and(even, lowBits), i8x16.shl(odd, 4))
    v128.store(dst + (pair << 5) + half, low, highBytes)
    const fifths = v128.or(i8x16.shr_u(even, 4), i8x16.shl(i8x16.shr_u(odd, 4), 1))
    high = v128.or(high, i8x16.shl(fifths, (<i32>pair) << 1))
  }
  v128.store(dst + half, high)
}

/** `src`: 256 · `blocks` f32; `dst`: 176 · `blocks` bytes; `importance`: 256 · `blocks` f32, or 0 for none. */
export function quantizeQ5K(src: usize, dst: usize, blocks: i32, importance: usize): void {
  while (blocks > 0) {
    const fitted = fitSuperblocks(src, blocks, importance, 31, -0.5, 15)
    for (let k = 0; k < fitted; k++) {
      roundSuperblock(k, src, dst, importance != 0, 31)
      packHalf(0, dst + headBytes)
      packHalf(16, dst + headBytes)
      src += 1024
      dst += blockBytes
    }
    if (importance != 0) importance += (<usize>fitted) << 10
    blocks -= fitted
  }
}

/** Sixteen levels from their low four bits and the bytes with bit `subBlock` as the fifth. */
function withFifthBit(low: v128, high: v128, subBlock: usize): v128 {
  const fifth = v128.and(i8x16.shr_u(high, <i32>subBlock), i8x16.splat(1))
  return v128.or(low, i8x16.shl(fifth, 4))
}

/** The inverse of {@link quantizeQ5K}: `src` blocks, `dst` f32. */
export function dequantizeQ5K(src: usize, dst: usize, blocks: i32): void {
  const lowBits = i8x16.splat(15)
  for (let block = 0; block < blocks; block++) {
    readHead(src)
    const firstHigh = v128.load(src, headBytes)
    const secondHigh = v128.load(src, headBytes + 16)
    for (let subBlock: usize = 0; subBlock < 8; subBlock += 2) {
      const low = src + (subBlock << 4)
      const first = v128.load(low, headBytes + highBytes)
      const second = v128.load(low, headBytes + highBytes + 16)
      const scale = subBlockScale(subBlock)
      const min = subBlockMin(subBlock)
      const nextScale = subBlockScale(subBlock + 1)
      const nextMin = subBlockMin(subBlock + 1)
      storeSixteen(dst, withFifthBit(v128.and(first, lowBits), firstHigh, subBlock), scale, min)
      storeSixteen(dst + 64, withFifthBit(v128.and(second, lowBits), secondHigh, subBlock), scale, min)
      storeSixteen(dst + 128, withFifthBit(i8x16.shr_u(first, 4), firstHigh, subBlock + 1), nextScale, nextMin)
      storeSixteen(dst + 192, withFifthBit(i8x16.shr_u(second, 4), secondHigh, subBlock + 1), nextScale, nextMin)
      dst += 256
    }
    src += blockBytes
  }
}
