/**
 * Q6_K: superblocks of 256 weights in 210 bytes: low nibbles (128), high bit pairs (64), 16 signed scales, a
 * half-precision scale of the scales. Weight = super scale · scale · (level − 32), level 0…63.
 */
import {
  dividedLevels,
  groupBytes,
  largestOf16,
  multipliedLevels,
  narrowTo16,
  rowBytes,
  scale16,
  zeroBelow,
} from './groups-of-16'
import { floatFromHalf, halfFromFloat } from './half'
import { nearestInts } from './nearest'
import { fitSignedScales, inverses, scales } from './signed-scale-search'
import { fitSignedWeighted, foundInverses, foundScales } from './signed-scale-weighted'
import { divideAll, setSteps, steps } from './superblock-levels'

const blockBytes: usize = 210
const highOffset: usize = 128
const scaleOffset: usize = 192
const superScaleOffset: usize = 208
const bytesOfLevels: usize = 256

/** The levels of one superblock, 0…63, in the order of the weights. */
const levels: usize = memory.data(256, 16)

/** `src`: 256 · `blocks` f32, 16-byte aligned; `dst`: 210 · `blocks` bytes; `importance`: 256 · `blocks` f32, or 0. */
export function quantizeQ6K(src: usize, dst: usize, blocks: i32, importance: usize): void {
  for (let block = 0; block < blocks; block++) {
    quantizeSuperblock(src, dst, importance)
    if (importance != 0) importance += 4 * groupBytes
    src += 4 * groupBytes
    dst += blockBytes
  }
}

/** Unlike those of the other types, errors count just as the importances say. */
function fitByImportance(src: usize, importance: usize): void {
  for (let group: usize = 0; group < 4; group++) {
    fitSignedWeighted(src + group * groupBytes, importance + group * groupBytes, 16, 32)
    v128.store(scales + (group << 4), v128.load(foundScales))
    v128.store(inverses + (group << 4), v128.load(foundInverses))
  }
}

function quantizeSuperblock(src: usize, dst: usize, importance: usize): void {
  if (importance != 0) fitByImportance(src, importance)
  else fitSignedScales(src)
  const largest = largestOf16(scales)
  if (Mathf.abs(largest) < zeroBelow) {
    memory.fill(dst, 0, blockBytes)
    return
  }
  const inverse: f32 = -128 / largest
  const superScale = halfFromFloat(1 / inverse)
  store<u16>(dst, superScale, superScaleOffset)
  v128.store(dst, integerScales(f32x4.splat(inverse)), scaleOffset)
  setLevels(src, dst + scaleOffset, floatFromHalf(superScale))
  packLevels(levels, dst, dst + highOffset)
  packLevels(levels + 128, dst + 64, dst + highOffset + 32)
}

function integerScales(inverse: v128): v128 {
  return narrowTo16(
    nearestInts(f32x4.mul(inverse, v128.load(scales))),
    nearestInts(f32x4.mul(inverse, v128.load(scales, 16))),
    nearestInts(f32x4.mul(inverse, v128.load(scales, 32))),
    nearestInts(f32x4.mul(inverse, v128.load(scales, 48))),
  )
}

/** The final levels under the rounded scales; where a scale came out as 0, those that the search had found. */
function setLevels(src: usize, integers: usize, superScale: f32): void {
  if (setSteps(integers, superScale)) {
    divideAll(src, levels, 32)
    return
  }
  for (let row: usize = 0; row < 16; row++) {
    const step = load<f32>(steps + (row << 2))
    const from = src + row * rowBytes
    let found: v128
    if (step != 0) {
      found = dividedLevels(from, f32x4.splat(step))
    } else {
      const inverse = load<f32>(inverses + (row << 2))
      found = inverse == 0 ? i8x16.splat(-32) : multipliedLevels(from, f32x4.splat(inverse))
    }
    const clamped = i8x16.max_s(i8x16.min_s(found, i8x16.splat(31)), i8x16.splat(-32))
    v128.store(levels + (row << 4), i8x16.add(clamped, i8x16.splat(32)))
  }
}

/** 128 levels at `from` to 64 bytes of nibbles at `low` and 32 bytes of bit pairs at `high`. */
function packLevels(from: usize, low: usize, high: usize): void {
  const nibble = i8x16.splat(0x0f)
  const pair = i8x16.splat(0x30)
  for (let at: usize = 0; at < 32; at += 16) {
    const a = v128.load(from + at)
    const b = v128.load(from + at, 32)
    const c = v128.load(from + at, 64)
    const d = v128.load(from + at, 96)
    v128.store(low + at, v128.or(v128.and(a, nibble), i16x8.shl(v128.and(c, nibble), 4)))
    v128.store(low + at, v128.or(v128.and(b, nibble), i16x8.shl(v128.and(d, nibble), 4)), 32)
    const ab = v128.or(i16x8.shr_u(v128.and(a, pair), 4), i16x8.shr_u(v128.and(b, pair), 2))
    const cd = v128.or(v128.and(c, pair), i16x8.shl(v128.and(d, pair), 2))
    v128.store(high + at, v128.or(ab, cd))
  }
}

/** The inverse of {@link quantizeQ6K}: `src` blocks, `dst` f32. */
export function dequantizeQ6K(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const superScale = floatFromHalf(load<u16>(src, superScaleOffset))
    const at = src + scaleOffset
    restoreHalf(src, src + highOffset, at, superScale, dst)
    restoreHalf(src + 64, src + highOffset + 32, at + 8, superScale, dst + 512)
    src += blockBytes
    dst += 4 * bytesOfLevels
  }
}

/** 128 weights to `dst`. */
function restoreHalf(low: usize, high: usize, integers: usize, superScale: f32, dst: usize): void {
  const nibble = i8x16.splat(0x0f)
  const pair = i8x16.splat(0x30)
  for (let at: usize = 0; at < 32; at += 16) {
    const left = v128.load(low + at)
    const right = v128.load(low + at, 32)
    const bits = v128.load(high + at)
    const row = integers + (at >> 4)
    const to = dst + 4 * at
    const a = v128.or(v128.and(left, nibble), v128.and(i16x8.shl(bits, 4), pair))
    const b = v128.or(v128.and(right, nibble), v128.and(i16x8.shl(bits, 2), pair))
    const c = v128.or(v128.and(i16x8.shr_u(left, 4), nibble), v128.and(bits, pair))
    const d = v128.or(v128.and(i16x8.shr_u(right, 4), nibble), v128.and(i16x8.shr_u(bits, 2), pair))
    restoreRow(a, superScale * <f32>load<i8>(row), to)
    restoreRow(b, superScale * <f32>load<i8>(row, 2), to + 128)
    restoreRow(c, superScale * <f32>load<i8>(row, 4), to + 256)
    restoreRow(d, superScale * <f32>load<i8>(row, 6), to + 384)
  }
}

function restoreRow(found: v128, step: f32, dst: usize): void {
  scale16(i8x16.sub(found, i8x16.splat(32)), f32x4.splat(step), dst)
}
