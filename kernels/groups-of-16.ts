/**
 * What Q3_K and Q6_K share: a superblock is 16 sub-blocks of 16 weights. Q6_K fits them four at a time with one sub-block
 * per f32x4 lane. Each lane does exactly the scalar algorithm's operations in the scalar order, so no sum is re-associated
 * and the bits come out as in C.
 */
import { nearestInts } from './nearest'

export const weightsPerSuperblock: usize = 256
/** Bytes of sixteen f32: one sub-block. */
export const rowBytes: usize = 64
/** Bytes of one group of four sub-blocks. */
export const groupBytes: usize = 4 * rowBytes
/** Sub-blocks whose largest magnitude is below this count as zero (`GROUP_MAX_EPS` in ggml). */
export const zeroBelow: f32 = 1e-15

/** The group's 16 columns: entry i is weight i of the four sub-blocks. */
export const columns: usize = memory.data(256, 16)
export const columnsEnd: usize = columns + 256

function transposeFour(src: usize, dst: usize): void {
  const row0 = v128.load(src)
  const row1 = v128.load(src, 64)
  const row2 = v128.load(src, 128)
  const row3 = v128.load(src, 192)
  const low01 = v128.shuffle<i32>(row0, row1, 0, 4, 1, 5)
  const low23 = v128.shuffle<i32>(row2, row3, 0, 4, 1, 5)
  const high01 = v128.shuffle<i32>(row0, row1, 2, 6, 3, 7)
  const high23 = v128.shuffle<i32>(row2, row3, 2, 6, 3, 7)
  v128.store(dst, v128.shuffle<i64>(low01, low23, 0, 2))
  v128.store(dst, v128.shuffle<i64>(low01, low23, 1, 3), 16)
  v128.store(dst, v128.shuffle<i64>(high01, high23, 0, 2), 32)
  v128.store(dst, v128.shuffle<i64>(high01, high23, 1, 3), 48)
}

/** Of each lane the first value with the largest magnitude; `magnitude` is that magnitude. */
function firstExtreme(magnitude: v128): v128 {
  let extreme = f32x4.splat(0)
  for (let at = columnsEnd - 16; at >= columns; at -= 16) {
    const value = v128.load(at)
    extreme = v128.bitselect(value, extreme, f32x4.eq(f32x4.abs(value), magnitude))
  }
  return extreme
}

/**
 * Loads four sub-blocks at `src` into {@link columns}. Returns the extreme of each: the value with the largest
 * magnitude, the first one where several have it; 0 where all are zero or NaN.
 */
export function loadColumns(src: usize): v128 {
  let high = f32x4.splat(0)
  let low = f32x4.splat(0)
  for (let dst = columns; dst < columnsEnd; dst += 64) {
    transposeFour(src, dst)
    src += 16
    high = f32x4.pmax(f32x4.pmax(high, v128.load(dst)), f32x4.pmax(v128.load(dst, 16), v128.load(dst, 32)))
    high = f32x4.pmax(high, v128.load(dst, 48))
    low = f32x4.pmin(f32x4.pmin(low, v128.load(dst)), f32x4.pmin(v128.load(dst, 16), v128.load(dst, 32)))
    low = f32x4.pmin(low, v128.load(dst, 48))
  }
  const depth = f32x4.neg(low)
  if (v128.any_true(f32x4.eq(high, depth))) return firstExtreme(f32x4.pmax(high, depth))
  return v128.bitselect(high, low, f32x4.gt(high, depth))
}

/** Sets the columns of the lanes to zero that are not in the mask `alive`, so that no denormal slows the search. */
export function clearColumns(alive: v128): void {
  for (let at = columns; at < columnsEnd; at += 16) v128.store(at, v128.and(v128.load(at), alive))
}

/** Of sixteen f32 at `src` the first one with the largest magnitude, NaN ignored. */
export function largestOf16(src: usize): f32 {
  const a = f32x4.abs(v128.load(src))
  const b = f32x4.abs(v128.load(src, 16))
  const c = f32x4.abs(v128.load(src, 32))
  const d = f32x4.abs(v128.load(src, 48))
  const zero = f32x4.splat(0)
  let most = f32x4.pmax(f32x4.pmax(f32x4.pmax(f32x4.pmax(zero, a), b), c), d)
  most = f32x4.pmax(most, v128.shuffle<i32>(most, most, 2, 3, 0, 1))
  most = f32x4.pmax(most, v128.shuffle<i32>(most, most, 1, 0, 3, 2))
  const is = bitmaskOf16(f32x4.eq(a, most), f32x4.eq(b, most), f32x4.eq(c, most), f32x4.eq(d, most))
  return is == 0 ? 0 : load<f32>(src + ((<usize>ctz(is)) << 2))
}

/** One bit per lane of four lane masks, the first lane lowest. */
export function bitmaskOf16(a: v128, b: v128, c: v128, d: v128): i32 {
  return i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)))
}

/** Sixteen i32 as signed bytes; what does not fit saturates. */
export function narrowTo16(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d))
}

/** `nearest_int(value / step)` of sixteen f32 at `src`, as signed bytes that saturate. */
export function dividedLevels(src: usize, step: v128): v128 {
  return narrowTo16(
    nearestInts(f32x4.div(v128.load(src), step)),
    nearestInts(f32x4.div(v128.load(src, 16), step)),
    nearestInts(f32x4.div(v128.load(src, 32), step)),
    nearestInts(f32x4.div(v128.load(src, 48), step)),
  )
}

/** `nearest_int(factor · value)` of sixteen f32 at `src`, as signed bytes that saturate. */
export function multipliedLevels(src: usize, factor: v128): v128 {
  return narrowTo16(
    nearestInts(f32x4.mul(factor, v128.load(src))),
    nearestInts(f32x4.mul(factor, v128.load(src, 16))),
    nearestInts(f32x4.mul(factor, v128.load(src, 32))),
    nearestInts(f32x4.mul(factor, v128.load(src, 48))),
  )
}

/** Sixteen signed bytes times `scale` to sixteen f32 at `dst`. */
export function scale16(levels: v128, scale: v128, dst: usize): void {
  const low = i16x8.extend_low_i8x16_s(levels)
  const high = i16x8.extend_high_i8x16_s(levels)
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low))))
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low))), 16)
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high))), 32)
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high))), 48)
}
