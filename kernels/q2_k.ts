/**
 * Q2_K: superblocks of 256 weights, 84 bytes, as sixteen sub-blocks of 16:
 * sixteen bytes with a 4-bit scale (low) and a 4-bit minimum (high) each; 64 bytes of levels 0…3, byte l of the 32 bytes
 * for sub-blocks 8k to 8k + 7 holding weights l, l + 32, l + 64 and l + 96 of those 128 from its low bits up; the units
 * of scale and minimum (f16 each). Weight = scale unit · scale · level − minimum unit · minimum.
 */
import { floatFromHalf, halfFromFloat } from './half'
import { countByImportance, sumOfSquares } from './importance-counts'
import { levelsByInverse, levelsByScale, storeSixteen } from './levels'
import { nearestInts } from './nearest'
import { fitPositive } from './positive-scales'
import { fitSubBlocks, fitWeighted, froms, inverses, mins, scales, sums } from './scale-min-fit'

const levelsAt: usize = 16
const unitsAt: usize = 80
const blockBytes: usize = 84

const top = 3

/** The 256 levels, one byte each. */
const levelBytes: usize = memory.data(256, 16)
/** With an importance matrix: how much each weight counts, and the 4-bit numbers, one byte each. */
const counts: usize = memory.data(2048, 16)
const fourBitScales: usize = memory.data(16, 16)
const fourBitMins: usize = memory.data(16, 16)

/** The greatest of sixteen f32, at least 0; NaN is passed over, as by C's `if (x > max) max = x`. */
function greatestOfSixteen(src: usize): f32 {
  let four = f32x4.pmax(f32x4.splat(0), v128.load(src))
  for (let at: usize = 16; at < 64; at += 16) four = f32x4.pmax(four, v128.load(src + at))
  const two = f32x4.pmax(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmax(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0)
}

/** Four f32 in units of their maximum / 15, in the low byte of each lane; ggml cuts the integers to 8 bits. */
function inFifteenths(src: usize, maximum: f32): v128 {
  if (!(maximum > 0)) return i32x4.splat(0)
  return nearestInts(f32x4.mul(f32x4.splat(<f32>15 / maximum), v128.load(src)))
}

/** Scales and minimums, at offset `fit` of those fitted, and units to `dst`: the greatest scale and the greatest minimum become 15. */
function roundByMaximum(fit: usize, dst: usize): void {
  const maxScale = greatestOfSixteen(scales + fit)
  const maxMin = greatestOfSixteen(mins + fit)
  store<u16>(dst + unitsAt, halfFromFloat(maxScale / 15))
  store<u16>(dst + unitsAt, halfFromFloat(maxMin / 15), 2)
  for (let i: usize = 0; i < 16; i += 4) {
    const scale = inFifteenths(scales + fit + (i << 2), maxScale)
    const min = i32x4.shl(inFifteenths(mins + fit + (i << 2), maxMin), 4)
    const bytes = v128.and(v128.or(scale, min), i32x4.splat(0xff))
    const shorts = i16x8.narrow_i32x4_u(bytes, bytes)
    v128.store32_lane(dst + i, i8x16.narrow_i16x8_u(shorts, shorts), 0)
  }
}

/** The same by what errors count. */
function roundByImportance(fit: usize, dst: usize): void {
  store<u16>(dst + unitsAt, halfFromFloat(fitPositive(scales + fit, sums + fit, 16, fourBitScales, 15)))
  store<u16>(dst + unitsAt, halfFromFloat(fitPositive(mins + fit, sums + fit, 16, fourBitMins, 15)), 2)
  v128.store(dst, v128.or(v128.load(fourBitScales), i8x16.shl(v128.load(fourBitMins), 4)))
}

/** The levels that suit the scales, minimums and units at `dst` to {@link levelBytes}. */
function takeLevels(fit: usize, src: usize, dst: usize): void {
  const scaleUnit = load<u16>(dst + unitsAt)
  const minUnit = load<u16>(dst + unitsAt, 2)
  for (let i: usize = 0; i < 16; i++) {
    const packed = load<u8>(dst + i)
    const scale: f32 = floatFromHalf(scaleUnit) * <f32>(packed & 15)
    const min: f32 = floatFromHalf(minUnit) * <f32>(packed >> 4)
    const row = src + (i << 6)
    const bytes = levelBytes + (i << 4)
    const at = fit + (i << 2)
    if (scale != 0) levelsByScale(row, bytes, 16, scale, min, top)
    else levelsByInverse(row, bytes, 16, load<f32>(inverses + at), load<f32>(froms + at), top)
  }
}

/** Levels of weights `at`…`at` + 15, + 32, + 64 and + 96 to 16 bytes. */
function packSixteen(at: usize, dst: usize): void {
  const low = v128.or(v128.load(levelBytes + at), i8x16.shl(v128.load(levelBytes + at, 32), 2))
  const high = v128.or(v128.load(levelBytes + at, 64), i8x16.shl(v128.load(levelBytes + at, 96), 2))
  v128.store(dst, v128.or(low, i8x16.shl(high, 4)))
}

/** Whether all 256 weights at `src` are zeros of either sign. Ordinary weights are told by the first sixteen. */
function isZero(src: usize): bool {
  for (const end = src + 1024; src < end; src += 64) {
    const low = v128.or(v128.load(src), v128.load(src, 16))
    const high = v128.or(v128.load(src, 32), v128.load(src, 48))
    if (v128.any_true(i32x4.shl(v128.or(low, high), 1))) return false
  }
  return true
}

/** Rounds superblock `k` of those fitted. */
function roundSuperblock(k: i32, src: usize, dst: usize, weighted: bool): void {
  const fit = (<usize>k) << 6
  if (weighted) roundByImportance(fit, dst)
  else roundByMaximum(fit, dst)
  takeLevels(fit, src, dst)
  packSixteen(0, dst + levelsAt)
  packSixteen(16, dst + levelsAt + 16)
  packSixteen(128, dst + levelsAt + 32)
  packSixteen(144, dst + levelsAt + 48)
}

function quantizeSuperblocks(src: usize, dst: usize, blocks: i32, importance: usize): void {
  if (importance == 0) {
    fitSubBlocks(src, 2 * blocks, 16, <f32>top, -0.5, 15, true)
  } else {
    for (let at: usize = 0; at < (<usize>blocks) << 10; at += 1024) {
      countByImportance(src + at, importance + at, counts + at, 256, sumOfSquares(src + at, 256) / 256)
    }
    fitWeighted(src, counts, 2 * blocks, 16, <f32>top)
  }
  for (let k = 0; k < blocks; k++) {
    roundSuperblock(k, src, dst, importance != 0)
    src += 1024
    dst += blockBytes
  }
}

/** `src`: 256 · `blocks` f32; `dst`: 84 · `blocks` bytes; `importance`: 256 · `blocks` f32, or 0 for none. */
export function quantizeQ2K(src: usize, dst: usize, blocks: i32, importance: usize): void {
  while (blocks > 0) {
    let taken = 1
    if (isZero(src)) {
      memory.fill(dst, 0, blockBytes)
    } else {
      // Two at once keep the processor busy; zeros would only delay their neighbour.
      if (blocks > 1 && !isZero(src + 1024)) taken = 2
      quantizeSuperblocks(src, dst, taken, importance)
    }
    if (importance != 0) importance += (<usize>taken) << 10
    src += (<usize>taken) << 10
    dst += <usize>taken * blockBytes
    blocks -= taken
  }
}

/** The inverse of {@link quantizeQ2K}: `src` blocks, `dst` f32. */
export function dequantizeQ2K(src: usize, dst: usize, blocks: i32): void {
  const lowBits = i8x16.splat(3)
  for (let block = 0; block < blocks; block++) {
    const scaleUnit = floatFromHalf(load<u16>(src, unitsAt))
    const minUnit = floatFromHalf(load<u16>(src, unitsAt + 2))
    for (let i: usize = 0; i < 16; i++) {
      const packed = load<u8>(src + i)
      const scale: f32 = scaleUnit * <f32>(packed & 15)
      const min: f32 = minUnit * <f32>(packed >> 4)
      const levels = v128.load(src + levelsAt + ((i >> 3) << 5) + ((i & 1) << 4))
      storeSixteen(dst, v128.and(i8x16.shr_u(levels, <i32>(i & 6)), lowBits), scale, min)
      dst += 64
    }
    src += blockBytes
  }
}
