/**
 * The search for the scale and the grid rows of one sub-block of 16 or 32 weights, as the grid types of two and three
 * bits do it. Each candidate scale gives each value a level, and each run of levels its row of the grid or the nearest
 * neighbour there; the rows then have a best scale of their own, and the candidate whose rows fit best wins. Four
 * candidates are tried side by side, one in each lane; the neighbours of each are looked for on their own.
 */
import { Codebook } from './codebook'
import { nearestInts } from './nearest'
import { nearestRows } from './neighbours'

/** The sub-block: magnitudes (negative where a sign was turned against the weight's), and what their errors count. */
export const values: usize = memory.data(128, 16)
export const importances: usize = memory.data(128, 16)
/** √ importance, by which rows are compared. */
export const roots: usize = memory.data(128, 16)
/** importance · value */
const products: usize = memory.data(128, 16)
/** What each value becomes under four candidates, 2 · level + 1. */
const restored: usize = memory.data(512, 16)
/** The row of each run under four candidates, and a bit for each run in the grid by its own levels. */
const candidateRows: usize = memory.data(128, 16)
const inGrid: usize = memory.data(16, 16)
const codes: usize = memory.data(16, 16)
/** Σ importance · value · restored and Σ importance · restored² of each lane. */
const productSums: usize = memory.data(16, 16)
const squareSums: usize = memory.data(16, 16)

/** The result: the row of each run, as i32. */
export const rows: usize = memory.data(32, 16)
/** Set where the distance to every neighbour was infinite or NaN: llama.cpp ends the program there. */
export let lost: bool = false

export function markLost(): void {
  lost = true
}

export function nothingLost(): void {
  lost = false
}

/** How close to the middle between two levels a value may not come lest rounding errors take it for the other. */
const doubtful: f32 = 0.0001
/** Within these bounds a scale, its inverse and their products with the values have all their bits. */
const smallest: f32 = 1e-30
const largest: f32 = 1e30
/** Values of up to this many levels round with an error that is small beside {@link doubtful}. */
const farthest: f32 = 256

/** Rows and restored values of the runs in `wanted` (a bit for each) under four scales and their inverses. */
function chooseRows(book: Codebook, inverse: v128, scale: v128, wanted: u32, all: bool): void {
  const length = <usize>book.length
  v128.store(inGrid, i32x4.splat(0))
  for (let run: usize = 0; wanted >> <u32>run != 0; run++) {
    if (((wanted >> <u32>run) & 1) == 0) continue
    const found = rowsOfRun(book, run, inverse, scale, all)
    v128.store(candidateRows + (run << 4), found)
    for (let i: usize = 0; i < length; i += 4) {
      restoreFour(book.values + (i << 2), length << 2, candidateRows + (run << 4), restored + ((run * length + i) << 4))
    }
  }
}

/** The row of one run in each lane, and its bits in {@link inGrid}. Lanes of one code are looked up together. */
function rowsOfRun(book: Codebook, run: usize, inverse: v128, scale: v128, all: bool): v128 {
  const at = (run * <usize>book.length) << 2
  let doubt = 15
  if (all) findAnyLevels(book, run * <usize>book.length, inverse)
  else doubt = findLevels(book, run * <usize>book.length, inverse)
  const code = v128.load(codes)
  let found = i32x4.splat(0)
  for (let left = 15; left != 0; ) {
    const own = <usize>load<u32>(codes + ((<usize>ctz(left)) << 2))
    const same = i32x4.eq(code, i32x4.splat(<i32>own))
    const lanes = i32x4.bitmask(same)
    const row = <i32>load<i16>(book.rowOf + (own << 1))
    if (row >= 0) {
      found = v128.bitselect(i32x4.splat(row), found, same)
      v128.store(inGrid, v128.or(v128.load(inGrid), v128.and(same, i32x4.splat(1 << (<i32>run)))))
    } else {
      const rows = nearestRows(book, own, values + at, roots + at, scale, (doubt & lanes) != 0)
      found = v128.bitselect(rows, found, same)
    }
    left &= ~lanes
  }
  if (i32x4.bitmask(found) == 0) return found
  lost = true
  return i32x4.max_s(found, i32x4.splat(0))
}

/** Codes of the run that begins with element `first`, whatever the values. */
function findAnyLevels(book: Codebook, first: usize, inverse: v128): void {
  const top = i32x4.splat(book.radix - 1)
  const radix = i32x4.splat(book.radix)
  let code = i32x4.splat(0)
  for (let at = values + ((first + <usize>book.length) << 2); at > values + (first << 2); ) {
    at -= 4
    const scaled = f32x4.sub(f32x4.mul(inverse, v128.load32_splat(at)), f32x4.splat(1))
    const level = nearestInts(f32x4.mul(f32x4.splat(0.5), scaled))
    code = i32x4.add(i32x4.mul(code, radix), i32x4.max_s(i32x4.splat(0), i32x4.min_s(top, level)))
  }
  v128.store(codes, code)
}

/** 1.5 · 2^23, whose last bits are the rounded number that was added to it. */
const roundingOffset: f32 = 12582912
/** What the bits of this offset add up to in a code of four levels 0 … 7 and of eight levels 0 … 2 (modulo 2^32). */
const offsetOfFour: i32 = 0x4b400000 * 585
const offsetOfEight: i32 = 0x4b400000 * 3280

/**
 * The same for ordinary values ({@link isOrdinary}): half of a scaled value is then the value scaled by half of the
 * scale. Gives a bit for each lane with a value near a middle, if that matters.
 */
function findLevels(book: Codebook, first: usize, inverse: v128): i32 {
  const four = book.length == 4
  // Neighbours at one distance do not beat each other: all are looked at.
  const careless = book.distances == 1
  const half = f32x4.mul(inverse, f32x4.splat(0.5))
  const offset = f32x4.splat(roundingOffset)
  const top = f32x4.splat(roundingOffset + <f32>(book.radix - 1))
  const begin = values + (first << 2)
  let code = i32x4.splat(0)
  let doubt = f32x4.splat(1)
  for (let at = begin + ((<usize>book.length) << 2); at > begin; ) {
    at -= 4
    const position = f32x4.sub(f32x4.mul(half, v128.load32_splat(at)), f32x4.splat(0.5))
    const level = f32x4.pmin(f32x4.pmax(f32x4.add(position, offset), offset), top)
    code = i32x4.add(four ? i32x4.shl(code, 3) : i32x4.add(i32x4.shl(code, 1), code), level)
    if (careless) continue
    // Below the lowest and above the highest level more than half a level is not near a middle.
    const off = f32x4.abs(f32x4.sub(position, f32x4.sub(level, offset)))
    doubt = f32x4.pmin(doubt, f32x4.abs(f32x4.sub(off, f32x4.splat(0.5))))
  }
  v128.store(codes, i32x4.sub(code, i32x4.splat(four ? offsetOfFour : offsetOfEight)))
  return i32x4.bitmask(f32x4.lt(doubt, f32x4.splat(doubtful)))
}

/** Four f32 of each of the four rows at `rowAt`, one row in each lane, to four vectors at `dst`. */
function restoreFour(table: usize, rowBytes: usize, rowAt: usize, dst: usize): void {
  const row0 = v128.load(table + <usize>load<u32>(rowAt) * rowBytes)
  const row1 = v128.load(table + <usize>load<u32>(rowAt, 4) * rowBytes)
  const row2 = v128.load(table + <usize>load<u32>(rowAt, 8) * rowBytes)
  const row3 = v128.load(table + <usize>load<u32>(rowAt, 12) * rowBytes)
  const low01 = v128.shuffle<i32>(row0, row1, 0, 4, 1, 5)
  const low23 = v128.shuffle<i32>(row2, row3, 0, 4, 1, 5)
  const high01 = v128.shuffle<i32>(row0, row1, 2, 6, 3, 7)
  const high23 = v128.shuffle<i32>(row2, row3, 2, 6, 3, 7)
  v128.store(dst, v128.shuffle<i64>(low01, low23, 0, 2))
  v128.store(dst, v128.shuffle<i64>(low01, low23, 1, 3), 16)
  v128.store(dst, v128.shuffle<i64>(high01, high23, 0, 2), 32)
  v128.store(dst, v128.shuffle<i64>(high01, high23, 1, 3), 48)
}

function sumUp(elements: i32): void {
  let product = f32x4.splat(0)
  let square = f32x4.splat(0)
  for (let i: usize = 0; i < <usize>elements; i++) {
    const value = v128.load(restored + (i << 4))
    const weighted = f32x4.mul(v128.load32_splat(importances + (i << 2)), value)
    product = f32x4.add(product, f32x4.mul(v128.load32_splat(products + (i << 2)), value))
    square = f32x4.add(square, f32x4.mul(weighted, value))
  }
  v128.store(productSums, product)
  v128.store(squareSums, square)
}

function multiply(elements: i32): void {
  for (let at: usize = 0; at < (<usize>elements) << 2; at += 16) {
    v128.store(products + at, f32x4.mul(v128.load(importances + at), v128.load(values + at)))
  }
}

/** max |value| */
function greatestMagnitude(elements: i32): f32 {
  let most: f32 = 0
  for (let i: usize = 0; i < <usize>elements; i++) most = max(most, abs(load<f32>(values + (i << 2))))
  return most
}

/** Whether levels under `scale` can be trusted to be those of the nearest values. */
function isOrdinary(scale: f32, magnitude: f32): bool {
  return scale > smallest && scale < largest && magnitude < scale * farthest
}

/** Bits of the runs that kept levels of their own in the winning candidate. */
let winnerInGrid: u32 = 0

/**
 * The best scale of the `elements` values, its rows into {@link rows}. The candidates are the inverse scales
 * numerator / `divisor`, the f32 at `numerators`: `candidates` of them, filled up to a multiple of four.
 * Where none fits at all: the scale `from`, levels 0, and the runs of `trusted` counted as in the grid.
 */
export function searchScale(
  book: Codebook,
  elements: i32,
  numerators: usize,
  candidates: i32,
  divisor: f32,
  from: f32,
  trusted: u32,
): f32 {
  const runs = elements / book.length
  const magnitude = greatestMagnitude(elements)
  multiply(elements)
  memory.fill(rows, 0, 32)
  winnerInGrid = trusted
  let scale = from
  let best: f32 = 0
  for (let tried = 0; tried < candidates; tried += 4) {
    const inverse = f32x4.div(v128.load(numerators + ((<usize>tried) << 2)), f32x4.splat(divisor))
    const scales = f32x4.div(f32x4.splat(1), inverse)
    const lanes = min(4, candidates - tried)
    const all =
      !isOrdinary(f32x4.extract_lane(scales, 0), magnitude) || !isOrdinary(f32x4.extract_lane(scales, 3), magnitude)
    chooseRows(book, inverse, scales, (1 << runs) - 1, all)
    sumUp(elements)
    for (let lane: usize = 0; lane < <usize>lanes; lane++) {
      const product = load<f32>(productSums + (lane << 2))
      const square = load<f32>(squareSums + (lane << 2))
      if (!(square > 0) || !(product * product > best * square)) continue
      scale = product / square
      best = scale * product
      keepRows(runs, lane)
      winnerInGrid = load<u32>(inGrid + (lane << 2))
    }
  }
  return scale
}

function keepRows(runs: i32, lane: usize): void {
  for (let run: usize = 0; run < <usize>runs; run++) {
    store<i32>(rows + (run << 2), load<i32>(candidateRows + (run << 4) + (lane << 2)))
  }
}

/** Bits of the runs of the last search whose levels were not in the grid. */
export function runsOffGrid(runs: i32): u32 {
  return ~winnerInGrid & ((1 << runs) - 1)
}

/** Rows of the runs in `wanted` anew under `scale`, which must be above 0; then gives the best scale for all rows. */
export function refine(book: Codebook, elements: i32, wanted: u32, scale: f32): f32 {
  const length = <usize>book.length
  const runs = elements / book.length
  const all = !isOrdinary(scale, greatestMagnitude(elements))
  chooseRows(book, f32x4.splat(1 / scale), f32x4.splat(scale), wanted, all)
  for (let run: usize = 0; run < <usize>runs; run++) {
    if (((wanted >> <u32>run) & 1) != 0) {
      store<i32>(rows + (run << 2), load<i32>(candidateRows + (run << 4)))
      continue
    }
    v128.store(candidateRows, v128.load32_splat(rows + (run << 2)))
    for (let i: usize = 0; i < length; i += 4) {
      restoreFour(book.values + (i << 2), length << 2, candidateRows, restored + ((run * length + i) << 4))
    }
  }
  sumUp(elements)
  const square = load<f32>(squareSums)
  return square > 0 ? load<f32>(productSums) / square : scale
}
