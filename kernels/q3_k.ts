/**
 * Q3_K: superblocks of 256 weights in 110 bytes: third bits (32), low bit pairs (64), 16 six-bit scales in 12 bytes, a
 * half-precision scale of the scales. Weight = super scale · (scale − 32) · (level − 4), level 0…7.
 */
import { dividedLevels, groupBytes, largestOf16, multipliedLevels, narrowTo16, rowBytes, scale16 } from './groups-of-16'
import { floatFromHalf, halfFromFloat } from './half'
import { countByImportance, sumOfSquares } from './importance-counts'
import { nearestInts } from './nearest'
import { fitSignedWeighted, foundInverses, foundScales } from './signed-scale-weighted'
import { fitSignedScalesOf16 } from './signed-scales'
import { divideAll, setSteps, steps } from './superblock-levels'
import { refinedLevels } from './three-bit-refinement'
import { fitThreeBits, forgetWishes, inverses, isRefined, scales, superblocksAtOnce } from './three-bit-search'

const blockBytes: usize = 110
const pairOffset: usize = 32
const scaleOffset: usize = 96
const superScaleOffset: usize = 108

/** The levels of one superblock, 0…7, in the order of the weights. */
const levels: usize = memory.data(256, 16)
/** Its scales, −32…31, as signed bytes. */
const integers: usize = memory.data(16, 16)

/** With an importance matrix: how much each weight counts, and all of a sub-block. */
const counts: usize = memory.data(1024, 16)
const sums: usize = memory.data(64, 16)

/** `src`: 256 · `blocks` f32, 16-byte aligned; `dst`: 110 · `blocks` bytes; `importance`: 256 · `blocks` f32, or 0. */
export function quantizeQ3K(src: usize, dst: usize, blocks: i32, importance: usize): void {
  if (importance == 0) {
    quantizePlain(src, dst, blocks)
    return
  }
  for (let block = 0; block < blocks; block++) {
    quantizeWeighted(src, dst, importance)
    importance += 4 * groupBytes
    src += 4 * groupBytes
    dst += blockBytes
  }
}

function quantizePlain(src: usize, dst: usize, blocks: i32): void {
  while (blocks > 0) {
    const fitted = min<i32>(blocks, superblocksAtOnce)
    fitThreeBits(src, fitted)
    for (let first = 0; first < fitted << 4; first += 16) {
      storeBlock(src, dst, integersByMaximum(first), first)
      src += 4 * groupBytes
      dst += blockBytes
    }
    blocks -= fitted
  }
}

/** The scales of the 16 sub-blocks from number `first` to {@link integers}; returns the scale of the scales. */
function integersByMaximum(first: i32): u16 {
  const from = scales + ((<usize>first) << 2)
  const largest = largestOf16(from)
  if (largest == 0) {
    v128.store(integers, i8x16.splat(-32))
    return 0
  }
  const inverse: f32 = -32 / largest
  setIntegers(from, f32x4.splat(inverse))
  return halfFromFloat(1 / inverse)
}

function quantizeWeighted(src: usize, dst: usize, importance: usize): void {
  countByImportance(src, importance, counts, 256, (2 * sumOfSquares(src, 256)) / 256)
  for (let group: usize = 0; group < 4; group++) {
    fitSignedWeighted(src + group * groupBytes, counts + group * groupBytes, 16, 4)
    v128.store(scales + (group << 4), v128.load(foundScales))
    v128.store(inverses + (group << 4), v128.load(foundInverses))
  }
  sumCounts()
  forgetWishes()
  storeBlock(src, dst, halfFromFloat(fitSignedScalesOf16(scales, sums, integers)), 0)
}

function sumCounts(): void {
  for (let row: usize = 0; row < 16; row++) {
    let sum: f32 = 0
    for (let at = row * rowBytes; at < (row + 1) * rowBytes; at += 4) sum += load<f32>(counts + at)
    store<f32>(sums + (row << 2), sum)
  }
}

/** The block of {@link integers}; `first` is the number of its first sub-block among those fitted. */
function storeBlock(src: usize, dst: usize, superScale: u16, first: i32): void {
  packScales(dst + scaleOffset)
  store<u16>(dst, superScale, superScaleOffset)
  setLevels(src, floatFromHalf(superScale), first)
  packLevels(dst)
}

function setIntegers(from: usize, inverse: v128): void {
  const rounded = narrowTo16(
    nearestInts(f32x4.mul(inverse, v128.load(from))),
    nearestInts(f32x4.mul(inverse, v128.load(from, 16))),
    nearestInts(f32x4.mul(inverse, v128.load(from, 32))),
    nearestInts(f32x4.mul(inverse, v128.load(from, 48))),
  )
  v128.store(integers, i8x16.max_s(i8x16.min_s(rounded, i8x16.splat(31)), i8x16.splat(-32)))
}

/** {@link integers} + 32 as ggml packs them: low nibbles of two in each of 8 bytes, high pairs of four in each of 4. */
function packScales(dst: usize): void {
  const biased = i8x16.add(v128.load(integers), i8x16.splat(32))
  const first = i64x2.extract_lane(biased, 0)
  const second = i64x2.extract_lane(biased, 1)
  const nibbles: i64 = 0x0f0f0f0f0f0f0f0f
  store<i64>(dst, (first & nibbles) | ((second & nibbles) << 4))
  const pairs = v128.and(i16x8.shr_u(biased, 4), i8x16.splat(3))
  const high =
    i32x4.extract_lane(pairs, 0) |
    (i32x4.extract_lane(pairs, 1) << 2) |
    (i32x4.extract_lane(pairs, 2) << 4) |
    (i32x4.extract_lane(pairs, 3) << 6)
  store<i32>(dst, high, 8)
}

/** The final levels under the rounded scales; where a scale came out as 0, those that the search had found. */
function setLevels(src: usize, superScale: f32, first: i32): void {
  if (setSteps(integers, superScale)) {
    divideAll(src, levels, 4)
    return
  }
  for (let row: usize = 0; row < 16; row++) {
    const step = load<f32>(steps + (row << 2))
    const from = src + row * rowBytes
    const found = step != 0 ? dividedLevels(from, f32x4.splat(step)) : searchedLevels(from, first, row)
    const clamped = i8x16.max_s(i8x16.min_s(found, i8x16.splat(3)), i8x16.splat(-4))
    v128.store(levels + (row << 4), i8x16.add(clamped, i8x16.splat(4)))
  }
}

function searchedLevels(src: usize, first: i32, row: usize): v128 {
  const number = <usize>first + row
  if (isRefined(number)) return multipliedLevels(refinedLevels + number * rowBytes, f32x4.splat(1))
  const inverse = load<f32>(inverses + (number << 2))
  // A sub-block of zeros keeps level 0 although that stands for −4: its scale is 0.
  return inverse == 0 ? i8x16.splat(-4) : multipliedLevels(src, f32x4.splat(inverse))
}

function packLevels(dst: usize): void {
  for (let at: usize = 0; at < 32; at += 16) {
    v128.store(dst + at, thirdBits(levels + at))
    v128.store(dst + at, lowPairs(levels + at), pairOffset)
    v128.store(dst + at, lowPairs(levels + at + 128), pairOffset + 32)
  }
}

/** Bit i of each byte: whether level 32·i further on is above 3. */
function thirdBits(from: usize): v128 {
  let bits = i8x16.splat(0)
  for (let run: usize = 0; run < 8; run++) {
    const above = v128.and(v128.load(from + (run << 5)), i8x16.splat(4))
    // Shifted left by 5 the bit is the highest of its byte; each later run pushes it one down.
    bits = v128.or(v128.and(i16x8.shr_u(bits, 1), i8x16.splat(0x7f)), i16x8.shl(above, 5))
  }
  return bits
}

/** The low two bits of the levels at 0, 32, 64 and 96 in one byte. */
function lowPairs(from: usize): v128 {
  const pair = i8x16.splat(3)
  const a = v128.and(v128.load(from), pair)
  const b = i16x8.shl(v128.and(v128.load(from, 32), pair), 2)
  const c = i16x8.shl(v128.and(v128.load(from, 64), pair), 4)
  const d = i16x8.shl(v128.and(v128.load(from, 96), pair), 6)
  return v128.or(v128.or(a, b), v128.or(c, d))
}

/** The inverse of {@link quantizeQ3K}: `src` blocks, `dst` f32. */
export function dequantizeQ3K(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    unpackScales(src + scaleOffset)
    const superScale = floatFromHalf(load<u16>(src, superScaleOffset))
    for (let run = 0; run < 8; run++) {
      const pairs = src + pairOffset + ((<usize>run >> 2) << 5)
      const scale = integers + ((<usize>run) << 1)
      restoreRow(src, pairs, run, superScale * <f32>load<i8>(scale), dst)
      restoreRow(src + 16, pairs + 16, run, superScale * <f32>load<i8>(scale, 1), dst + 64)
      dst += 128
    }
    src += blockBytes
  }
}

/** Half of run `run` (32 weights): the third bits at `third` from bit `run`, two bits each of the bytes at `pairs`. */
function restoreRow(third: usize, pairs: usize, run: i32, step: f32, dst: usize): void {
  const low = v128.and(i16x8.shr_u(v128.load(pairs), (run & 3) << 1), i8x16.splat(3))
  const high = v128.and(i16x8.shr_u(v128.load(third), run), i8x16.splat(1))
  const level = v128.or(low, i16x8.shl(high, 2))
  scale16(i8x16.sub(level, i8x16.splat(4)), f32x4.splat(step), dst)
}

/** The scales of a block as signed bytes into {@link integers}. */
function unpackScales(src: usize): void {
  const low = load<i64>(src)
  const high = load<u32>(src, 8)
  const nibbles: i64 = 0x0f0f0f0f0f0f0f0f
  let pairs = i32x4.splat(<i32>high)
  pairs = i32x4.replace_lane(pairs, 1, <i32>(high >> 2))
  pairs = i32x4.replace_lane(pairs, 2, <i32>(high >> 4))
  pairs = i32x4.replace_lane(pairs, 3, <i32>(high >> 6))
  pairs = i16x8.shl(v128.and(pairs, i8x16.splat(3)), 4)
  const both = i64x2.replace_lane(i64x2.splat(low & nibbles), 1, (low >> 4) & nibbles)
  v128.store(integers, i8x16.sub(v128.or(both, pairs), i8x16.splat(32)))
}
