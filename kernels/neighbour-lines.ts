/**
 * Which row of a codebook's list is surely the nearest to a run of values, whatever rounding does to distances
 * (./neighbours), under any scale: its levels l make
 *
 *   Σ root · (scale · (2l + 1) − value)² = 4 · scale · (scale · A − B) + what is the same for all rows,
 *   A = Σ root · l · (l + 1), B = Σ root · value · l
 *
 * so that rows compare like straight lines in the scale: one below another under two scales is so under all between.
 *
 * How far below is enough: let S = Σ root, M the greatest |value|, v the greatest 2l + 1 and R = scale · v + M, so that
 * no difference is above R. Rounding changes scale · (2l + 1) − value by at most 2R · 2^-24, its square by 6 R² · 2^-24
 * together with the multiplications, and sums of up to eight by another 7 S R² · 2^-24: a distance as llama.cpp adds it
 * is off by less than S R² · 2^-20, and the sum scale · A − B here by less than S R² / (2 · scale) · 2^-20. So two rows'
 * lines that are S R² / (2 · scale) · 2^-18 apart are enough; {@link setMargin} takes twice that. All while nothing
 * underflows or overflows that matters, for which it has bounds.
 */
import { Codebook, rowAt } from './codebook'
import { rootProducts, roots } from './grid-subblock'
import { farBeyond } from './neighbours'

const relativeMargin: f32 = 2 ** -18
const smallestScale: f32 = 1e-12
const largestScale: f32 = 1e12
const smallestExtent: f32 = 1e-25
const largestExtent: f32 = 1e25

/** R² under the largest scale, and what makes S R² a margin. */
let square: f32 = 0
let perExtent: f32 = 0
/** How far below all others the line of the nearest must be. */
let margin: f32 = 0

/** For a sub-block of values up to `magnitude` and scales from `least` to `most`; whether lines tell anything there. */
export function setScales(book: Codebook, magnitude: f32, least: f32, most: f32): bool {
  const top = 2 * book.radix - 1
  const reach: f32 = most * <f32>top + magnitude
  square = reach * reach
  perExtent = relativeMargin / least
  return least > smallestScale && most < largestScale
}

/** For the run that begins with element `first`; whether lines tell anything there. */
export function setMargin(book: Codebook, first: usize): bool {
  const at = roots + (first << 2)
  let four = v128.load(at)
  if (book.length == 8) four = f32x4.add(four, v128.load(at, 16))
  const pairs = f32x4.add(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1))
  const extent: f32 = (f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1)) * square
  margin = extent * perExtent
  return extent > smallestExtent && extent < largestExtent
}

/** The levels of element `i` of four rows, `bits` each. */
function levels(rows: v128, i: i32, bits: i32): v128 {
  return f32x4.convert_i32x4_s(v128.and(i32x4.shr_u(rows, bits * i), i32x4.splat((1 << bits) - 1)))
}

/** What element `i` of the run at `at` adds to A. */
function slope(level: v128, at: usize, i: usize): v128 {
  const part = f32x4.mul(v128.load32_splat(roots + at + (i << 2)), level)
  return f32x4.add(part, f32x4.mul(part, level))
}

/** What it adds to B. */
function height(level: v128, at: usize, i: usize): v128 {
  return f32x4.mul(v128.load32_splat(rootProducts + at + (i << 2)), level)
}

/** A of four rows of four levels. */
function slopesOfFour(rows: v128, at: usize): v128 {
  const low = f32x4.add(slope(levels(rows, 0, 3), at, 0), slope(levels(rows, 1, 3), at, 1))
  return f32x4.add(low, f32x4.add(slope(levels(rows, 2, 3), at, 2), slope(levels(rows, 3, 3), at, 3)))
}

/** B of them. */
function heightsOfFour(rows: v128, at: usize): v128 {
  const low = f32x4.add(height(levels(rows, 0, 3), at, 0), height(levels(rows, 1, 3), at, 1))
  return f32x4.add(low, f32x4.add(height(levels(rows, 2, 3), at, 2), height(levels(rows, 3, 3), at, 3)))
}

/** A of four rows of eight levels. */
function slopesOfEight(rows: v128, at: usize): v128 {
  let low = slope(levels(rows, 0, 2), at, 0)
  let high = slope(levels(rows, 4, 2), at, 4)
  low = f32x4.add(low, slope(levels(rows, 1, 2), at, 1))
  high = f32x4.add(high, slope(levels(rows, 5, 2), at, 5))
  low = f32x4.add(low, slope(levels(rows, 2, 2), at, 2))
  high = f32x4.add(high, slope(levels(rows, 6, 2), at, 6))
  low = f32x4.add(low, slope(levels(rows, 3, 2), at, 3))
  high = f32x4.add(high, slope(levels(rows, 7, 2), at, 7))
  return f32x4.add(low, high)
}

/** B of them. */
function heightsOfEight(rows: v128, at: usize): v128 {
  let low = height(levels(rows, 0, 2), at, 0)
  let high = height(levels(rows, 4, 2), at, 4)
  low = f32x4.add(low, height(levels(rows, 1, 2), at, 1))
  high = f32x4.add(high, height(levels(rows, 5, 2), at, 5))
  low = f32x4.add(low, height(levels(rows, 2, 2), at, 2))
  high = f32x4.add(high, height(levels(rows, 6, 2), at, 6))
  low = f32x4.add(low, height(levels(rows, 3, 2), at, 3))
  high = f32x4.add(high, height(levels(rows, 7, 2), at, 7))
  return f32x4.add(low, high)
}

/** Bytes of the lines of a list: A of each four rows and then B of them. */
export function lineBytes(list: usize): usize {
  return ((<usize>load<u16>(list) + 3) & ~3) << 3
}

/** The second result of {@link measureBetween}. */
export let nearestUnderLast: i32 = -1

/**
 * Writes the lines of the rows of `list` for the run that begins with element `first` to `lines`. Gives the row that is
 * surely the nearest under the scale `from`, and in {@link nearestUnderLast} that under `to`; −1 where none is.
 */
export function measureBetween(book: Codebook, list: usize, first: usize, lines: usize, from: f32, to: f32): i32 {
  if (book.length == 4) return measureBetweenFour(book, list, first << 2, lines, f32x4.splat(from), f32x4.splat(to))
  return measureBetweenEight(book, list, first << 2, lines, f32x4.splat(from), f32x4.splat(to))
}

/** {@link measureBetween} for runs of four. */
function measureBetweenFour(book: Codebook, list: usize, at: usize, lines: usize, from: v128, to: v128): i32 {
  const count = <usize>load<u16>(list)
  let best0 = f32x4.splat(Infinity)
  let best1 = best0
  let second0 = best0
  let second1 = best0
  let places0 = i32x4.splat(0)
  let places1 = places0
  for (let index: usize = 0; index < count; index += 4) {
    const rows = v128.load_ext<u16>(list + 2 + (index << 1))
    const heights = heightsOfFour(rows, at)
    const slopes = f32x4.add(slopesOfFour(rows, at), farBeyond(index, count))
    v128.store(lines + (index << 3), slopes)
    v128.store(lines + (index << 3), heights, 16)
    const line0 = f32x4.sub(f32x4.mul(from, slopes), heights)
    const line1 = f32x4.sub(f32x4.mul(to, slopes), heights)
    const place = i32x4.splat(<i32>index)
    second0 = f32x4.pmin(second0, f32x4.pmax(best0, line0))
    second1 = f32x4.pmin(second1, f32x4.pmax(best1, line1))
    places0 = v128.bitselect(place, places0, f32x4.lt(line0, best0))
    places1 = v128.bitselect(place, places1, f32x4.lt(line1, best1))
    best0 = f32x4.pmin(best0, line0)
    best1 = f32x4.pmin(best1, line1)
  }
  nearestUnderLast = theNearest(book, list, best1, second1, places1)
  return theNearest(book, list, best0, second0, places0)
}

/** {@link measureBetween} for runs of eight. */
function measureBetweenEight(book: Codebook, list: usize, at: usize, lines: usize, from: v128, to: v128): i32 {
  const count = <usize>load<u16>(list)
  let best0 = f32x4.splat(Infinity)
  let best1 = best0
  let second0 = best0
  let second1 = best0
  let places0 = i32x4.splat(0)
  let places1 = places0
  for (let index: usize = 0; index < count; index += 4) {
    const rows = v128.load_ext<u16>(list + 2 + (index << 1))
    const heights = heightsOfEight(rows, at)
    const slopes = f32x4.add(slopesOfEight(rows, at), farBeyond(index, count))
    v128.store(lines + (index << 3), slopes)
    v128.store(lines + (index << 3), heights, 16)
    const line0 = f32x4.sub(f32x4.mul(from, slopes), heights)
    const line1 = f32x4.sub(f32x4.mul(to, slopes), heights)
    const place = i32x4.splat(<i32>index)
    second0 = f32x4.pmin(second0, f32x4.pmax(best0, line0))
    second1 = f32x4.pmin(second1, f32x4.pmax(best1, line1))
    places0 = v128.bitselect(place, places0, f32x4.lt(line0, best0))
    places1 = v128.bitselect(place, places1, f32x4.lt(line1, best1))
    best0 = f32x4.pmin(best0, line0)
    best1 = f32x4.pmin(best1, line1)
  }
  nearestUnderLast = theNearest(book, list, best1, second1, places1)
  return theNearest(book, list, best0, second0, places0)
}

function leastOf(four: v128): v128 {
  const pairs = f32x4.pmin(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1))
  return f32x4.pmin(pairs, v128.shuffle<i32>(pairs, pairs, 1, 0, 3, 2))
}

const places4: usize = memory.data(16, 16)

/** The row of the least line, if all others are at least a margin above it; else −1. */
function theNearest(book: Codebook, list: usize, best: v128, second: v128, places: v128): i32 {
  const limit = f32x4.add(leastOf(best), f32x4.splat(margin))
  const close = i32x4.bitmask(f32x4.le(best, limit))
  v128.store(places4, places)
  const lane = <usize>ctz(close)
  const row = rowAt(book, list, <usize>load<u32>(places4 + (lane << 2)) + lane)
  const others = (close & (close - 1)) | i32x4.bitmask(f32x4.le(second, limit))
  return select<i32>(row, -1, others == 0)
}

/** The row of `list`, whose lines are at `lines`, that is surely the nearest under `scale`; −1 where none is. */
export function surelyNearest(book: Codebook, list: usize, lines: usize, scale: f32): i32 {
  const count = <usize>load<u16>(list)
  const scales = f32x4.splat(scale)
  let best = f32x4.splat(Infinity)
  let second = best
  let places = i32x4.splat(0)
  for (let index: usize = 0; index < count; index += 4) {
    const at = lines + (index << 3)
    const line = f32x4.sub(f32x4.mul(scales, v128.load(at)), v128.load(at, 16))
    second = f32x4.pmin(second, f32x4.pmax(best, line))
    places = v128.bitselect(i32x4.splat(<i32>index), places, f32x4.lt(line, best))
    best = f32x4.pmin(best, line)
  }
  return theNearest(book, list, best, second, places)
}
