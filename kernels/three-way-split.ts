/**
 * Types of one bit and a half: each weight of a sub-block is low, middle or high (level 0, 1, 2), and the runs of eight
 * levels are rows of one grid. The weights are sorted, and the two places where to divide them are searched among all.
 */
import { Codebook, codebookBytes, prepareCodebook } from './codebook'
import { markLost } from './grid-search'
import { iq1Codes, iq1Rows } from './grids/iq1'

/** Importances of the weights of the sub-block, and then those weights' numbers in ascending order of the weights. */
export const importances: usize = memory.data(128, 16)
export const order: usize = memory.data(128, 16)
/** The level of each weight, a byte each. */
export const levels: usize = memory.data(32, 16)

/** By how much the values −1, 0, 1 of a run are shifted up or down. */
export const delta: f32 = 0.125

const book = changetype<Codebook>(memory.data(codebookBytes, 16))
/** As many bytes as src/quant/kernel-table.ts says. */
const spaceBytes: i32 = 840_000
const space: usize = memory.data(spaceBytes, 16)

/** w · (scale · value − x)² of each weight of a run as level 0, 1, 2. */
const errors: usize = memory.data(96, 16)

const greatest: f32 = 3.40282346638528859812e38

export function prepareSplits(): void {
  book.length = 8
  book.radix = 3
  book.rowCount = iq1Rows
  book.codes = iq1Codes
  book.distances = 3
  book.allOnly = true
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
 * those that come before it. (Beside NaN places stay empty, and keep what another sub-block left there.)
 */
export function sortWeights(src: usize, elements: usize): void {
  for (let i: usize = 0; i < elements; i++) {
    const x = v128.load32_splat(src + (i << 2))
    const own = i32x4.splat(<i32>i)
    let index = i32x4(0, 1, 2, 3)
    let before = i32x4.splat(0)
    for (let at: usize = 0; at < elements << 2; at += 16) {
      const other = v128.load(src + at)
      const equalBefore = v128.and(f32x4.eq(other, x), i32x4.lt_s(index, own))
      before = i32x4.sub(before, v128.or(f32x4.lt(other, x), equalBefore))
      index = i32x4.add(index, i32x4.splat(4))
    }
    before = i32x4.add(before, v128.shuffle<i32>(before, before, 2, 3, 0, 1))
    const place = i32x4.extract_lane(before, 0) + i32x4.extract_lane(before, 1)
    store<usize>(order + ((<usize>place) << 2), i)
  }
}

/** Fills {@link levels} for the split before the sorted weights `first` and `second`; turned round if `turned`. */
export function setLevels(elements: usize, first: usize, second: usize, turned: bool): void {
  for (let j: usize = 0; j < elements; j++) {
    const level = i32(j >= first) + i32(j >= second)
    store<u8>(levels + load<usize>(order + (j << 2)), turned ? 2 - level : level)
  }
}

/** The grid row of the eight levels at `run`, or −1. */
function ownRow(run: usize): i32 {
  let code: usize = 0
  for (let i = run + 8; i > run; i--) code = code * 3 + load<u8>(levels + i - 1)
  const row = load<i16>(book.rowOf + (code << 1))
  return row >= 0 ? row : -1 - <i32>code
}

function errorOf(at: usize): f32 {
  return load<f32>(errors + at)
}

/** The neighbour of `code` nearest to the eight weights at `src`: its values are level − 1 + `shift`. */
function nearestRow(code: usize, src: usize, run: usize, scale: f32, shift: f32): i32 {
  for (let i: usize = 0; i < 8; i++) {
    const x = load<f32>(src + ((run + i) << 2))
    const importance = load<f32>(importances + ((run + i) << 2))
    for (let level: usize = 0; level < 3; level++) {
      const difference: f32 = scale * (<f32>(<i32>level - 1) + shift) - x
      store<f32>(errors + i * 12 + (level << 2), importance * difference * difference)
    }
  }
  const list = load<usize>(book.all + (code << 2))
  const end = list + 2 + ((<usize>load<u16>(list)) << 1)
  let best = greatest
  let nearest = -1
  for (let at = list + 2; at < end; at += 2) {
    const row = <usize>load<u16>(at)
    const own = load<u64>(book.levels + (row << 3))
    let distance = errorOf((<usize>own & 3) << 2)
    distance += errorOf(12 + ((<usize>(own >> 8) & 3) << 2))
    distance += errorOf(24 + ((<usize>(own >> 16) & 3) << 2))
    distance += errorOf(36 + ((<usize>(own >> 24) & 3) << 2))
    // What is still to be added is not below 0.
    if (distance >= best) continue
    distance += errorOf(48 + ((<usize>(own >> 32) & 3) << 2))
    distance += errorOf(60 + ((<usize>(own >> 40) & 3) << 2))
    distance += errorOf(72 + ((<usize>(own >> 48) & 3) << 2))
    distance += errorOf(84 + ((<usize>(own >> 56) & 3) << 2))
    if (distance < best) {
      best = distance
      nearest = <i32>row
    }
  }
  if (nearest >= 0) return nearest
  markLost()
  return 0
}

/** Whether the last call of {@link rowOfRun} had to take a neighbour. */
export let replaced: bool = false

/** The row of the run that begins with weight `run`; a neighbour's levels take the place of its own. */
export function rowOfRun(src: usize, run: usize, scale: f32, shift: f32): i32 {
  const own = ownRow(run)
  replaced = own < 0
  if (own >= 0) return own
  const row = nearestRow(<usize>(-1 - own), src, run, scale, shift)
  store<u64>(levels + run, load<u64>(book.levels + ((<usize>row) << 3)))
  return row
}

/** The eight levels of `row`, a byte each. */
export function levelsOfRow(row: usize): u64 {
  return load<u64>(book.levels + (row << 3))
}

/** Σ importance · value · x and Σ importance · value² of the last calls of {@link addRun}. */
export let productSum: f32 = 0
export let squareSum: f32 = 0

export function clearSums(): void {
  productSum = 0
  squareSum = 0
}

/** Adds the run that begins with weight `run` to the sums, its values `factor` · (level − 1 + shift). */
export function addRun(src: usize, run: usize, row: u64, shift: f32, factor: f32): void {
  for (let i: usize = 0; i < 8; i++) {
    const level = <i32>(row >> ((<u64>i) << 3)) & 3
    const value: f32 = (<f32>(level - 1) + shift) * factor
    const weighted: f32 = load<f32>(importances + ((run + i) << 2)) * value
    productSum += weighted * load<f32>(src + ((run + i) << 2))
    squareSum += weighted * value
  }
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
