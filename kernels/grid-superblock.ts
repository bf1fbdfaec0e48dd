/**
 * What the grid types of two and three bits do alike with a superblock of 256 weights, around the fit of a sub-block
 * that each has of its own.
 */
import { scaleLevel } from './grid-subblock'

/** Bytes of the weights of a superblock. */
const weightBytes: usize = 1024
/** A sub-block's scale has four bits. */
const topLevel: i32 = 15

/** The scales of up to sixteen sub-blocks. */
const scales: usize = memory.data(64, 16)

function scaleBits(inverse: f32, index: usize): u32 {
  return scaleLevel(inverse, load<f32>(scales + (index << 2)), topLevel)
}

/**
 * Fits the `count` sub-blocks at `src`, whose importances are at `given` (0: none); gives the greatest scale.
 *
 * @param fit writes rows and signs of the sub-block `index` at `src` into the block at `dst`, and gives its scale
 */
export function fitSubblocks(
  fit: (src: usize, dst: usize, index: usize, given: usize, spread: f32) => f32,
  count: usize,
  src: usize,
  dst: usize,
  given: usize,
  spread: f32,
): f32 {
  const bytes = weightBytes / count
  let greatest: f32 = 0
  for (let index: usize = 0; index < count; index++) {
    const offset = index * bytes
    const scale = fit(src + offset, dst, index, given != 0 ? given + offset : 0, spread)
    store<f32>(scales + (index << 2), scale)
    if (!(greatest > scale)) greatest = scale
  }
  return greatest
}

/** Two sub-blocks' scales into each byte at `dst`. */
export function storeScalePairs(dst: usize, count: usize, inverse: f32): void {
  for (let index: usize = 0; index < count; index += 2) {
    store<u8>(dst + (index >> 1), scaleBits(inverse, index) | (scaleBits(inverse, index + 1) << 4))
  }
}

/** The scales of eight sub-blocks into the top bits of a word of each, `stride` bytes apart. */
export function addScalesToWords(dst: usize, stride: usize, inverse: f32): void {
  for (let index: usize = 0; index < 8; index++) {
    const at = dst + index * stride
    store<u32>(at, load<u32>(at) | (scaleBits(inverse, index) << 28))
  }
}

/** Quantizes a row of `blocks` superblocks, of `blockBytes` each, one after the other. */
export function quantizeSuperblocks(
  quantize: (src: usize, dst: usize, given: usize) => void,
  blockBytes: usize,
  src: usize,
  dst: usize,
  blocks: i32,
  importance: usize,
): void {
  for (const end = dst + <usize>blocks * blockBytes; dst < end; dst += blockBytes) {
    quantize(src, dst, importance)
    src += weightBytes
    if (importance != 0) importance += weightBytes
  }
}
