/**
 * Types of one bit and a half: each weight of a sub-block is low, middle or high (level 0, 1, 2), and the runs of eight
 * levels are rows of one grid. The weights are sorted, and the two places where to divide them are searched among all.
 */
import { Codebook, codebookBytes } from './codebook'
import { prepareCodebook } from './codebook-tables'
import { markLost } from './grid-subblock'
import { iq1Codes, iq1Rows } from './grids/iq1'
import { nearestSplitRow } from './split-neighbours'

/** Importances of the weights of the sub-block, and then those weights' numbers in ascending order of the weights. */
export const importances: usize = memory.data(128, 16)
export const order: usize = memory.data(128, 16)
/** The place of each weight in that order, a byte each. */
const places: usize = memory.data(32, 16)
/** The level of each weight, a byte each. */
export const levels: usize = memory.data(32, 16)

/** By how much the values −1, 0, 1 of a run are shifted up or down. */
export const delta: f32 = 0.125

const book = changetype<Codebook>(memory.data(codebookBytes, 16))
/** As many bytes as src/quant/kernel-table.ts says. */
const spaceBytes: i32 = 940_000
const space: usize = memory.data(spaceBytes, 16)

export function prepareSplits(): void {
  book.length = 8
  book.radix = 3
  book.rowCount = iq1Rows
  book.codes = iq1Codes
  book.distances = 3
  book.split = true
  book.space = space
  book.spaceBytes = spaceBytes
  prepareCodebook(book)
}

/** Fills {@link importances} with given · √(spread + weight²), or with weight² where none are given. */
export function weigh(given: usize, src: usize, elements: usize, spread: f32): void {
  for (let at: usize = 0; at < elements << 2; at += 16) {
    const x = v128.load(src + at)
    const square = f32x4.mul(x, x)
    const size = f32x4.sqrt(f32x4.add(f32x4.splat(spread), square))
    v128.store(importances + at, given != 0 ? f32x4.mul(v128.load(given + at), size) : square)
  }
}

export function greatestMagnitude(src: usize, elements: usize): f32 {
  let most = f32x4.splat(0)
  for (let at: usize = 0; at < elements << 2; at += 16) most = f32x4.pmax(most, f32x4.abs(v128.load(src + at)))
  const pairs = f32x4.pmax(most, v128.shuffle<i32>(most, most, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmax(pairs, v128.shuffle<i32>(pairs, pairs, 1, 0, 3, 2)), 0)
}

/**
 * Fills {@link order}; equal weights stay in their order, as in glibc's merge sort. A weight's place is the number of
 * those that come before it: of the earlier ones those not above it, of the later ones those below it. (Beside NaN
 * places stay empty, and keep what another sub-block left there.)
 */
export function sortWeights(src: usize, elements: usize): void {
  const end = elements << 2
  for (let own: usize = 0; own < end; own += 4) {
    const x = v128.load32_splat(src + own)
    const within = own & ~15
    const four = v128.load(src + within)
    const earlier = i32x4.lt_s(i32x4(0, 4, 8, 12), i32x4.splat(<i32>(own & 15)))
    let before = v128.or(f32x4.lt(four, x), v128.and(f32x4.eq(four, x), earlier))
    for (let at: usize = 0; at < within; at += 16) before = i32x4.add(before, f32x4.le(v128.load(src + at), x))
    for (let at = within + 16; at < end; at += 16) before = i32x4.add(before, f32x4.lt(v128.load(src + at), x))
    before = i32x4.add(before, v128.shuffle<i32>(before, before, 2, 3, 0, 1))
    const place = -(i32x4.extract_lane(before, 0) + i32x4.extract_lane(before, 1))
    store<u32>(order + ((<usize>place) << 2), <u32>own >> 2)
    store<u8>(places + (own >> 2), place)
  }
}

/** Fills {@link levels} for the split before the sorted weights `first` and `second`; turned round if `turned`. */
export function setLevels(elements: usize, first: usize, second: usize, turned: bool): void {
  const from = i8x16.splat(<i8>first)
  const to = i8x16.splat(<i8>second)
  for (let at: usize = 0; at < elements; at += 16) {
    const place = v128.load(places + at)
    // Comparisons are −1 where they hold.
    const down = i8x16.add(i8x16.ge_s(place, from), i8x16.ge_s(place, to))
    v128.store(levels + at, turned ? i8x16.add(i8x16.splat(2), down) : i8x16.neg(down))
  }
}

/** The grid row of the eight levels at `run`, or below 0: −1 − their code. */
function ownRow(run: usize): i32 {
  const eight = v128.load_ext<u8>(levels + run)
  const sums = i32x4.dot_i16x8_s(eight, i16x8(1, 3, 9, 27, 81, 243, 729, 2187))
  const pairs = i32x4.add(sums, v128.shuffle<i32>(sums, sums, 2, 3, 0, 1))
  const code = i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1)
  const row = load<i16>(book.rowOf + ((<usize>code) << 1))
  return row >= 0 ? row : -1 - code
}

/** Whether the last call of {@link rowOfRun} had to take a neighbour. */
export let replaced: bool = false

/** The row of the run that begins with weight `run`; a neighbour's levels take the place of its own. */
export function rowOfRun(src: usize, run: usize, scale: f32, shift: f32): i32 {
  const own = ownRow(run)
  replaced = own < 0
  if (own >= 0) return own
  const at = run << 2
  const nearest = nearestSplitRow(book, <usize>(-1 - own), src + at, importances + at, scale, shift)
  if (nearest < 0) markLost()
  const row = max(nearest, 0)
  store<u64>(levels + run, load<u64>(book.levels + ((<usize>row) << 3)))
  return row
}

/** The eight levels of `row`, a byte each. */
export function levelsOfRow(row: usize): u64 {
  return load<u64>(book.levels + (row << 3))
}

/** Σ importance · value · x and Σ importance · value² of the last calls of {@link addRun}; what follows is of no use. */
const sums: usize = memory.data(16, 16)

export function clearSums(): void {
  v128.store(sums, f32x4.splat(0))
}

export function productSum(): f32 {
  return load<f32>(sums)
}

export function squareSum(): f32 {
  return load<f32>(sums, 4)
}

/** Adds the run that begins with weight `run` to the sums, its values `factor` · (level − 1 + shift). */
export function addRun(src: usize, run: usize, row: u64, shift: f32, factor: f32): void {
  const levels = i16x8.sub(i16x8.extend_low_i8x16_u(i64x2.splat(row)), i16x8.splat(1))
  const at = run << 2
  const four = addFour(v128.load(sums), src + at, importances + at, i32x4.extend_low_i16x8_s(levels), shift, factor)
  const eight = addFour(four, src + at + 16, importances + at + 16, i32x4.extend_high_i16x8_s(levels), shift, factor)
  v128.store(sums, eight)
}

/** One weight after the other, the product in the first lane and the square in the second. */
function addFour(to: v128, src: usize, given: usize, levels: v128, shift: f32, factor: f32): v128 {
  const value = f32x4.mul(f32x4.add(f32x4.convert_i32x4_s(levels), f32x4.splat(shift)), f32x4.splat(factor))
  const weighted = f32x4.mul(v128.load(given), value)
  const product = f32x4.mul(weighted, v128.load(src))
  const square = f32x4.mul(weighted, value)
  const first = v128.shuffle<i32>(product, square, 0, 4, 1, 5)
  const last = v128.shuffle<i32>(product, square, 2, 6, 3, 7)
  const one = f32x4.add(to, first)
  const two = f32x4.add(one, v128.shuffle<i32>(first, first, 2, 3, 2, 3))
  const three = f32x4.add(two, last)
  return f32x4.add(three, v128.shuffle<i32>(last, last, 2, 3, 2, 3))
}

/** Eight weights unit · (level − 1 + shift) of a grid row. */
export function storeSplitRun(dst: usize, row: usize, unit: f32, shift: f32): void {
  let code = <i32>load<u16>(iq1Codes + (row << 1))
  for (let i: usize = 0; i < 8; i++) {
    const value = <f32>((code % 3) - 1) + shift
    code /= 3
    store<f32>(dst + (i << 2), unit * value)
  }
}
