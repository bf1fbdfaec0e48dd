/**
 * IQ4_NL: blocks of 32 weights, each a half-precision scale and the 16 bytes of ./four-bit-values (18 bytes).
 */
import { group, groupBytes, searchScales } from './four-bit-search'
import { loadLevels, storeLevels } from './four-bit-values'
import { floatFromHalf, halfFromFloat } from './half'

const blockBytes: usize = 18
/** Bytes of the weights of one block. */
const weightBytes: usize = 128

/** Zero-padded copies of a last group with less than four blocks, and of its importances. */
const padded: usize = memory.data(512, 16)
const paddedImportance: usize = memory.data(512, 16)
/** The four scales found. */
const scales: usize = memory.data(16, 16)

/** The first `blocks` of four blocks at `src`. */
function quantizeGroup(src: usize, dst: usize, blocks: i32, importance: usize): void {
  searchScales(src, scales, importance, -1)
  for (let block: usize = 0; block < <usize>blocks; block++) {
    const scale = load<f32>(scales + (block << 2))
    store<u16>(dst, halfFromFloat(scale))
    storeLevels(src, dst + 2, scale)
    src += weightBytes
    dst += blockBytes
  }
}

function pad(src: usize, dst: usize, blocks: i32): void {
  memory.fill(dst, 0, groupBytes)
  memory.copy(dst, src, <usize>blocks * weightBytes)
}

/** `src`: 32 · `blocks` f32; `dst`: 18 · `blocks` bytes; `importance`: 32 · `blocks` f32, or 0 for none. */
export function quantizeIQ4NL(src: usize, dst: usize, blocks: i32, importance: usize): void {
  for (; blocks >= group; blocks -= group) {
    quantizeGroup(src, dst, group, importance)
    src += groupBytes
    dst += <usize>group * blockBytes
    if (importance != 0) importance += groupBytes
  }
  if (blocks == 0) return
  pad(src, padded, blocks)
  if (importance != 0) pad(importance, paddedImportance, blocks)
  quantizeGroup(padded, dst, blocks, importance != 0 ? paddedImportance : 0)
}

/** The inverse of {@link quantizeIQ4NL}: `src` blocks, `dst` f32. */
export function dequantizeIQ4NL(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    loadLevels(src + 2, dst, floatFromHalf(load<u16>(src)))
    src += blockBytes
    dst += weightBytes
  }
}
