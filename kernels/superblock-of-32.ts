/**
 * What Q4_K and Q5_K have in common: a superblock of 256 weights as eight sub-blocks of 32, each with a 6-bit scale and
 * a 6-bit minimum, those in units of two half-precision numbers of the superblock.
 *
 * Both blocks begin with: scale unit (f16), minimum unit (f16), 12 bytes with the 6-bit numbers. Level 0…top of each
 * weight follows in a form of its own: weight = unit · scale · level − minimum unit · minimum.
 */
import { floatFromHalf, halfFromFloat } from './half'
import { countByImportance, sumOfSquares } from './importance-counts'
import { levelsByInverse, levelsByScale } from './levels'
import { nearestInts } from './nearest'
import { fitPositive } from './positive-scales'
import { fitSubBlocks, fitWeighted, froms, inverses, mins, scales, sums } from './scale-min-fit'

/** 6-bit numbers, one byte each: eight scales, eight minimums. */
const sixBits: usize = memory.data(16, 16)
/** The 256 levels, one byte each. */
export const levelBytes: usize = memory.data(256, 16)

/** The units of the superblock last rounded or read. */
let scaleUnit: f32 = 0
let minUnit: f32 = 0

/** Bytes before the levels. */
export const headBytes: usize = 16

/** The greatest of eight f32, at least 0; NaN is passed over, as by C's `if (x > max) max = x`. */
function greatestOfEight(src: usize): f32 {
  const four = f32x4.pmax(f32x4.pmax(f32x4.splat(0), v128.load(src)), v128.load(src, 16))
  const two = f32x4.pmax(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmax(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0)
}

/** Eight f32 times `inverse` as bytes 0…63 at `dst`; ggml cuts the integer to 8 bits before it takes the minimum. */
function quantizeEight(src: usize, inverse: f32, dst: usize): void {
  const factor = f32x4.splat(inverse)
  const byte = i32x4.splat(0xff)
  const low = v128.and(nearestInts(f32x4.mul(factor, v128.load(src))), byte)
  const high = v128.and(nearestInts(f32x4.mul(factor, v128.load(src, 16))), byte)
  const shorts = i16x8.narrow_i32x4_u(low, high)
  v128.store64_lane(dst, i8x16.min_u(i8x16.narrow_i16x8_u(shorts, shorts), i8x16.splat(63)), 0)
}

/**
 * Eight scales and eight minimums of 6 bits in 12 bytes: bytes 0–3 and 4–7 hold scales and minimums 0–3, with the top
 * two bits of those of 4–7 above them; bytes 8–11 hold the low four bits of scales and minimums 4–7.
 */
function packSixBits(dst: usize): void {
  const firstScales = load<u32>(sixBits)
  const lastScales = load<u32>(sixBits, 4)
  const firstMins = load<u32>(sixBits, 8)
  const lastMins = load<u32>(sixBits, 12)
  store<u32>(dst, firstScales | ((lastScales & 0x30303030) << 2))
  store<u32>(dst, firstMins | ((lastMins & 0x30303030) << 2), 4)
  store<u32>(dst, (lastScales & 0x0f0f0f0f) | ((lastMins & 0x0f0f0f0f) << 4), 8)
}

function unpackSixBits(src: usize): void {
  const first = load<u32>(src)
  const second = load<u32>(src, 4)
  const third = load<u32>(src, 8)
  store<u32>(sixBits, first & 0x3f3f3f3f)
  store<u32>(sixBits, (third & 0x0f0f0f0f) | ((first >> 2) & 0x30303030), 4)
  store<u32>(sixBits, second & 0x3f3f3f3f, 8)
  store<u32>(sixBits, ((third >> 4) & 0x0f0f0f0f) | ((second >> 2) & 0x30303030), 12)
}

/** How much the weights of the superblocks being fitted count. */
const counts: usize = memory.data(4096, 16)

/**
 * Fits the first of `blocks` superblocks at `src`, four at once where there are four.
 *
 * @param importance address of the importances of their weights, or 0
 * @returns how many: {@link roundSuperblock} then finishes each
 */
export function fitSuperblocks(
  src: usize,
  blocks: i32,
  importance: usize,
  top: i32,
  firstSpan: f32,
  lastCandidate: i32,
): i32 {
  const count = min<i32>(blocks, 4)
  if (importance == 0) {
    fitSubBlocks(src, count, 32, <f32>top, firstSpan, lastCandidate, false)
    return count
  }
  for (let at: usize = 0; at < (<usize>count) << 10; at += 1024) {
    const mean: f32 = (2 * sumOfSquares(src + at, 256)) / 256
    countByImportance(src + at, importance + at, counts + at, 256, mean)
  }
  fitWeighted(src, counts, count, 32, <f32>top)
  return count
}

/** Scales and minimums at `fit` to {@link sixBits}, and their units to the head at `dst`: the greatest becomes 63. */
function roundByMaximum(fit: usize, dst: usize): void {
  const maxScale = greatestOfEight(scales + fit)
  const maxMin = greatestOfEight(mins + fit)
  quantizeEight(scales + fit, maxScale > 0 ? <f32>63 / maxScale : 0, sixBits)
  quantizeEight(mins + fit, maxMin > 0 ? <f32>63 / maxMin : 0, sixBits + 8)
  store<u16>(dst, halfFromFloat(maxScale / 63))
  store<u16>(dst, halfFromFloat(maxMin / 63), 2)
}

/** The same by what errors count. A number that ggml cut to 8 bits may be above 63; only for Q5_K it limits it then. */
function roundByImportance(fit: usize, dst: usize, limited: bool): void {
  store<u16>(dst, halfFromFloat(fitPositive(scales + fit, sums + fit, 8, sixBits, 63)))
  store<u16>(dst, halfFromFloat(fitPositive(mins + fit, sums + fit, 8, sixBits + 8, 63)), 2)
  if (limited) v128.store(sixBits, i8x16.min_u(v128.load(sixBits), i8x16.splat(63)))
}

/**
 * Rounds the fits of superblock `k` of those fitted to the head of the block at `dst`, and its weights, at `src`, to the
 * levels that suit it, at {@link levelBytes}.
 */
export function roundSuperblock(k: i32, src: usize, dst: usize, weighted: bool, top: i32): void {
  const fit = (<usize>k) << 5
  if (weighted) roundByImportance(fit, dst, top == 31)
  else roundByMaximum(fit, dst)
  packSixBits(dst + 4)
  // What the block holds counts, and numbers above 63 do not fit.
  if (weighted) unpackSixBits(dst + 4)
  scaleUnit = floatFromHalf(load<u16>(dst))
  minUnit = floatFromHalf(load<u16>(dst, 2))
  for (let i: usize = 0; i < 8; i++) {
    const row = src + (i << 7)
    const bytes = levelBytes + (i << 5)
    const from = fit + (i << 2)
    const scale = subBlockScale(i)
    if (scale != 0) levelsByScale(row, bytes, 32, scale, subBlockMin(i), top)
    else levelsByInverse(row, bytes, 32, load<f32>(inverses + from), load<f32>(froms + from), top)
  }
}

/** Reads the head at `src`; then {@link subBlockScale} and {@link subBlockMin} tell of its sub-blocks. */
export function readHead(src: usize): void {
  scaleUnit = floatFromHalf(load<u16>(src))
  minUnit = floatFromHalf(load<u16>(src, 2))
  unpackSixBits(src + 4)
}

export function subBlockScale(subBlock: usize): f32 {
  return scaleUnit * <f32>load<u8>(sixBits + subBlock)
}

export function subBlockMin(subBlock: usize): f32 {
  return minUnit * <f32>load<u8>(sixBits + subBlock, 8)
}
