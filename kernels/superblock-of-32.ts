/**
 * What Q4_K and Q5_K have in common: a superblock of 256 weights as eight sub-blocks of 32, each with a 6-bit scale and
 * a 6-bit minimum, those in units of two half-precision numbers of the superblock.
 *
 * Both blocks begin with: scale unit (f16), minimum unit (f16), 12 bytes with the 6-bit numbers. Level 0…top of each
 * weight follows in a form of its own: weight = unit · scale · level − minimum unit · minimum.
 */
import { columns, greatest, least, loadColumns } from './columns'
import { floatFromHalf, halfFromFloat } from './half'
import { weighByMagnitudeAndMean } from './importance'
import { levelsByInverse, levelsByScale } from './levels'
import { nearestInts } from './nearest'
import { exactFrom, exactInverse, exactMin, exactScale, rootMeanSquare, searchScaleMinExact } from './scale-min-exact'
import { searchScaleMin, storeFits } from './scale-min-search'

/** Per sub-block: f32 scale and minimum (subtracted, ≥ 0) and where its levels came from. */
const scales: usize = memory.data(32, 16)
const mins: usize = memory.data(32, 16)
const inverses: usize = memory.data(32, 16)
const froms: usize = memory.data(32, 16)
/** 6-bit numbers, one byte each: eight scales, eight minimums. */
const sixBits: usize = memory.data(16, 16)
/** The 256 levels, one byte each. */
export const levelBytes: usize = memory.data(256, 16)

/** Bytes before the levels. */
export const headBytes: usize = 16

function isAllZero(): bool {
  const left = v128.or(v128.load(columns, least), v128.load(columns, greatest))
  const right = v128.or(v128.load(columns, least + 16), v128.load(columns, greatest + 16))
  return !v128.any_true(i32x4.shl(v128.or(left, right), 1))
}

function fitExactly(src: usize, top: f32, firstSpan: f32, lastCandidate: i32): void {
  for (let at: usize = 0; at < 32; at += 4) {
    searchScaleMinExact(src, 32, rootMeanSquare(src), top, firstSpan, lastCandidate, false)
    store<f32>(scales + at, exactScale)
    store<f32>(mins + at, -exactMin)
    store<f32>(inverses + at, exactInverse)
    store<f32>(froms + at, exactFrom)
    src += 128
  }
}

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

/** Rounds the fits to the head of the block at `dst`, and the weights at `src` to the levels that suit it. */
function roundFits(src: usize, dst: usize, top: i32): void {
  const maxScale = greatestOfEight(scales)
  const maxMin = greatestOfEight(mins)
  quantizeEight(scales, maxScale > 0 ? <f32>63 / maxScale : 0, sixBits)
  quantizeEight(mins, maxMin > 0 ? <f32>63 / maxMin : 0, sixBits + 8)
  const scaleUnit = halfFromFloat(maxScale / 63)
  const minUnit = halfFromFloat(maxMin / 63)
  store<u16>(dst, scaleUnit)
  store<u16>(dst, minUnit, 2)
  packSixBits(dst + 4)
  for (let i: usize = 0; i < 8; i++) {
    const scale: f32 = floatFromHalf(scaleUnit) * <f32>load<u8>(sixBits + i)
    const min: f32 = floatFromHalf(minUnit) * <f32>load<u8>(sixBits + i, 8)
    const row = src + (i << 7)
    const bytes = levelBytes + (i << 5)
    if (scale != 0) levelsByScale(row, bytes, 32, scale, min, top)
    else levelsByInverse(row, bytes, 32, load<f32>(inverses + (i << 2)), load<f32>(froms + (i << 2)), top)
  }
}

/**
 * Writes the head of the block at `dst` for the 256 f32 at `src` and the levels to {@link levelBytes}.
 * @returns false, with nothing written, if every weight is 0: then every byte of the block is 0.
 */
export function fitSuperblock(src: usize, dst: usize, top: i32, firstSpan: f32, lastCandidate: i32): bool {
  loadColumns(src, 32)
  weighByMagnitudeAndMean()
  if (isAllZero()) return false
  if (searchScaleMin(32, <f32>top, firstSpan, lastCandidate, false)) storeFits(scales, mins, inverses, froms)
  else fitExactly(src, <f32>top, firstSpan, lastCandidate)
  roundFits(src, dst, top)
  return true
}

/** Reads the head at `src`; then {@link subBlockScale} and {@link subBlockMin} tell of its sub-blocks. */
export function readHead(src: usize): void {
  scaleUnit = floatFromHalf(load<u16>(src))
  minUnit = floatFromHalf(load<u16>(src, 2))
  unpackSixBits(src + 4)
}

let scaleUnit: f32 = 0
let minUnit: f32 = 0

export function subBlockScale(subBlock: usize): v128 {
  return f32x4.splat(scaleUnit * <f32>load<u8>(sixBits + subBlock))
}

export function subBlockMin(subBlock: usize): v128 {
  return f32x4.splat(minUnit * <f32>load<u8>(sixBits + subBlock, 8))
}
