/**
 * IQ4_NL: blocks of 32 weights, each a half-precision scale and 32 levels of 4 bits that stand for 16 values, denser
 * around 0 (18 bytes). Weight = scale · value of its level.
 *
 * The scale is the best of 16: the one that makes the largest weight the value −127 with its sign turned, then those
 * for −134 … −120; the best fits the weights, each counting as its square. Four blocks are searched side by side, one
 * in each lane.
 */
import { floatFromHalf, halfFromFloat } from './half'

const blockBytes: usize = 18
/** Blocks searched at once, one per lane. */
const group: i32 = 4
/** Bytes of the weights of one block. */
const weightBytes: usize = 128

/** A largest weight below this makes the whole block 0. */
const tiny: f32 = 1e-15
/** The value of level 0: the largest without its sign. */
const extreme: f32 = -127
/** Candidates below and above {@link extreme}. */
const reach: i32 = 7

/** The weights of a group: entry i holds weight i of its four blocks. */
const columns: usize = memory.data(512, 16)
const columnsEnd: usize = columns + 512
/** Zero-padded copy of a last group with less than four blocks. */
const padded: usize = memory.data(512, 16)
/** The four scales found. */
const scales: usize = memory.data(16, 16)

/** Σ weight² · value · weight and Σ weight² · value² of each lane, for the inverse scale last tried. */
const products: usize = memory.data(16, 16)
const squares: usize = memory.data(16, 16)

/** The values of the levels, as bytes. Source: ggml-common.h, kvalues_iq4nl. */
function levelValues(): v128 {
  return i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
}

/** −1 for each of the two bounds that `x` is below. */
function below(x: v128, first: f32, second: f32): v128 {
  return i32x4.add(f32x4.lt(x, f32x4.splat(first)), f32x4.lt(x, f32x4.splat(second)))
}

/**
 * The level with the value nearest to `x`, in each lane: 15 less one for each middle of two values above it. At a
 * middle ggml takes the upper level, and for NaN the last; both fall out of "not below".
 */
function nearestLevels(x: v128): v128 {
  const lowest = i32x4.add(below(x, -115.5, -93.5), below(x, -74, -57))
  const lower = i32x4.add(below(x, -42, -28.5), below(x, -16, -4.5))
  const upper = i32x4.add(below(x, 7, 19), below(x, 31.5, 45.5))
  const highest = i32x4.add(below(x, 61, 79), f32x4.lt(x, f32x4.splat(101)))
  return i32x4.add(i32x4.add(i32x4.splat(15), i32x4.add(lowest, lower)), i32x4.add(upper, highest))
}

/** The values of four levels, as f32. */
function valuesOf(levels: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.shr_s(i32x4.shl(i8x16.swizzle(levelValues(), levels), 24), 24))
}

/** Four blocks at `src` into {@link columns}. */
function loadColumns(src: usize): void {
  for (let at = columns; at < columnsEnd; at += 16) {
    store<f32>(at, load<f32>(src))
    store<f32>(at, load<f32>(src, 128), 4)
    store<f32>(at, load<f32>(src, 256), 8)
    store<f32>(at, load<f32>(src, 384), 12)
    src += 4
  }
}

/** The weight with the greatest magnitude in each lane, the first of equals; 0 where all are 0. */
function largestWeights(): v128 {
  let largest = f32x4.splat(0)
  let magnitude = f32x4.splat(0)
  for (let at = columns; at < columnsEnd; at += 16) {
    const x = v128.load(at)
    const larger = f32x4.gt(f32x4.abs(x), magnitude)
    magnitude = v128.bitselect(f32x4.abs(x), magnitude, larger)
    largest = v128.bitselect(x, largest, larger)
  }
  return largest
}

/** Fills {@link products} and {@link squares}. */
function tryInverse(inverse: v128): void {
  let product = f32x4.splat(0)
  let square = f32x4.splat(0)
  for (let at = columns; at < columnsEnd; at += 16) {
    const x = v128.load(at)
    const value = valuesOf(nearestLevels(f32x4.mul(inverse, x)))
    const weighted = f32x4.mul(f32x4.mul(x, x), value)
    product = f32x4.add(product, f32x4.mul(weighted, x))
    square = f32x4.add(square, f32x4.mul(weighted, value))
  }
  v128.store(products, product)
  v128.store(squares, square)
}

/** The best scales of the four blocks in {@link columns}. */
function searchScales(): v128 {
  const largest = largestWeights()
  tryInverse(f32x4.div(f32x4.splat(1), f32x4.div(f32x4.neg(largest), f32x4.splat(extreme))))
  let scale = f32x4.div(v128.load(products), v128.load(squares))
  let best = f32x4.mul(scale, v128.load(products))
  for (let step = -reach; step <= reach; step++) {
    tryInverse(f32x4.div(f32x4.splat(<f32>step + extreme), largest))
    const product = v128.load(products)
    const square = v128.load(squares)
    const wins = v128.and(
      f32x4.gt(square, f32x4.splat(0)),
      f32x4.gt(f32x4.mul(product, product), f32x4.mul(best, square)),
    )
    const candidate = f32x4.div(product, square)
    scale = v128.bitselect(candidate, scale, wins)
    best = v128.bitselect(f32x4.mul(candidate, product), best, wins)
  }
  return v128.andnot(scale, f32x4.lt(f32x4.abs(largest), f32x4.splat(tiny)))
}

/** Levels of four weights of one block, in the lowest byte of each lane. */
function fourLevels(src: usize, inverse: v128): v128 {
  return nearestLevels(f32x4.mul(inverse, v128.load(src)))
}

function sixteenLevels(src: usize, inverse: v128): v128 {
  const low = i16x8.narrow_i32x4_s(fourLevels(src, inverse), fourLevels(src + 16, inverse))
  const high = i16x8.narrow_i32x4_s(fourLevels(src + 32, inverse), fourLevels(src + 48, inverse))
  return i8x16.narrow_i16x8_u(low, high)
}

function storeBlock(src: usize, dst: usize, scale: f32): void {
  const inverse = f32x4.splat(scale != 0 ? 1 / scale : 0)
  store<u16>(dst, halfFromFloat(scale))
  v128.store(dst, v128.or(sixteenLevels(src, inverse), i8x16.shl(sixteenLevels(src + 64, inverse), 4)), 2)
}

/** The first `blocks` of four blocks at `src`. */
function quantizeGroup(src: usize, dst: usize, blocks: i32): void {
  loadColumns(src)
  v128.store(scales, searchScales())
  for (let block: usize = 0; block < <usize>blocks; block++) {
    storeBlock(src + block * weightBytes, dst + block * blockBytes, load<f32>(scales + (block << 2)))
  }
}

/** `src`: 32 · `blocks` f32; `dst`: 18 · `blocks` bytes. Without an importance matrix. */
export function quantizeIQ4NL(src: usize, dst: usize, blocks: i32): void {
  for (; blocks >= group; blocks -= group) {
    quantizeGroup(src, dst, group)
    src += <usize>group * weightBytes
    dst += <usize>group * blockBytes
  }
  if (blocks == 0) return
  memory.fill(padded, 0, <usize>group * weightBytes)
  memory.copy(padded, src, <usize>blocks * weightBytes)
  quantizeGroup(padded, dst, blocks)
}

function spreadEight(bytes: v128, dst: usize, scale: v128): void {
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(bytes))))
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(bytes))), 16)
}

function spreadSixteen(levels: v128, dst: usize, scale: v128): void {
  const bytes = i8x16.swizzle(levelValues(), levels)
  spreadEight(i16x8.extend_low_i8x16_s(bytes), dst, scale)
  spreadEight(i16x8.extend_high_i8x16_s(bytes), dst + 32, scale)
}

/** The inverse of {@link quantizeIQ4NL}: `src` blocks, `dst` f32. */
export function dequantizeIQ4NL(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = f32x4.splat(floatFromHalf(load<u16>(src)))
    const packed = v128.load(src, 2)
    spreadSixteen(v128.and(packed, i8x16.splat(15)), dst, scale)
    spreadSixteen(i8x16.shr_u(packed, 4), dst + 64, scale)
    src += blockBytes
    dst += 128
  }
}
