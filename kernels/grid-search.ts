/**
 * The search for the scale and the grid rows of one sub-block of 16 or 32 weights, as the grid types of two and three
 * bits do it. Each candidate scale gives each value a level, and each run of levels its row of the grid or the nearest
 * neighbour there (./grid-rows); the rows then have a best scale of their own, and the candidate whose rows fit best
 * wins.
 */
import { Codebook } from './codebook'
import { isOrdinary } from './grid-levels'
import { candidateRow, findRow, findRows, inverses, isInGrid, isRepeated, isSteady, scales } from './grid-rows'
import { beginScores, promisingCandidates } from './grid-scores'
import { importances, products, rootProducts, roots, values } from './grid-subblock'
import { setScales } from './neighbour-lines'

/** The result: the row of each run, as i32. */
export const rows: usize = memory.data(32, 16)

/** The rows looked at, of up to four candidates side by side for each run, and what each value becomes under them. */
const rowsOfFour: usize = memory.data(128, 16)
const restored: usize = memory.data(512, 16)
/** Σ importance · value · restored and Σ importance · restored² of each lane. */
const productSums: usize = memory.data(16, 16)
const squareSums: usize = memory.data(16, 16)

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

/** The sums of the rows in {@link rowsOfFour}. */
function sumUp(book: Codebook, elements: usize): void {
  const rowBytes = (<usize>book.length) << 2
  for (let i: usize = 0; i < elements; i += 4) {
    const run = i / <usize>book.length
    const within = (i << 2) & (rowBytes - 1)
    restoreFour(book.values + within, rowBytes, rowsOfFour + (run << 4), restored + (i << 4))
  }
  let product = f32x4.splat(0)
  let square = f32x4.splat(0)
  for (let i: usize = 0; i < elements; i++) {
    const value = v128.load(restored + (i << 4))
    const weighted = f32x4.mul(v128.load32_splat(importances + (i << 2)), value)
    product = f32x4.add(product, f32x4.mul(v128.load32_splat(products + (i << 2)), value))
    square = f32x4.add(square, f32x4.mul(weighted, value))
  }
  v128.store(productSums, product)
  v128.store(squareSums, square)
}

function multiply(elements: usize): void {
  for (let at: usize = 0; at < elements << 2; at += 16) {
    const value = v128.load(values + at)
    v128.store(products + at, f32x4.mul(v128.load(importances + at), value))
    v128.store(rootProducts + at, f32x4.mul(v128.load(roots + at), value))
  }
}

/** max |value| */
function greatestMagnitude(elements: usize): f32 {
  let most = f32x4.splat(0)
  for (let at: usize = 0; at < elements << 2; at += 16) most = f32x4.max(most, f32x4.abs(v128.load(values + at)))
  const pairs = f32x4.max(most, v128.shuffle<i32>(most, most, 2, 3, 0, 1))
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1))
}

function setCandidates(numerators: usize, filled: usize, divisor: f32): void {
  for (let at: usize = 0; at < filled << 2; at += 16) {
    const inverse = f32x4.div(v128.load(numerators + at), f32x4.splat(divisor))
    v128.store(inverses + at, inverse)
    v128.store(scales + at, f32x4.div(f32x4.splat(1), inverse))
  }
}

let scale: f32 = 0
let best: f32 = 0
/** The candidate that won; −1: none. */
let winner: i32 = -1
let candidateCount: usize = 0
/** Runs that count as in the grid where no candidate wins. */
let trustedRuns: u32 = 0
/** Whether the levels under all candidates could be trusted. */
let steady: bool = false
let magnitude: f32 = 0

/** Scores the candidates in `wanted`, four at a time. */
function scoreExactly(book: Codebook, elements: usize, wanted: u32): void {
  const runs = elements / <usize>book.length
  while (wanted != 0) {
    const batch = wanted
    let lane: usize = 0
    let previous: i32 = -2
    for (; wanted != 0; wanted &= wanted - 1) {
      const k = ctz(wanted)
      const own = !(<i32>k == previous + 1 && isRepeated(k))
      if (own && lane == 4) break
      previous = k
      if (!own) continue
      for (let run: usize = 0; run < runs; run++) {
        store<u32>(rowsOfFour + (run << 4) + (lane << 2), candidateRow(run, k))
      }
      lane++
    }
    sumUp(book, elements)
    chooseOfFour(batch ^ wanted)
  }
}

/** The first of equals wins. (Of equal rows too: the rounded score of the first may be a little less than it should.) */
function chooseOfFour(candidates: u32): void {
  let lane: usize = -4
  let previous: i32 = -2
  for (; candidates != 0; candidates &= candidates - 1) {
    const k = ctz(candidates)
    if (!(<i32>k == previous + 1 && isRepeated(k))) lane += 4
    previous = k
    const product = load<f32>(productSums + lane)
    const square = load<f32>(squareSums + lane)
    if (!(square > 0) || !(product * product > best * square)) continue
    scale = product / square
    best = scale * product
    winner = k
  }
}

/**
 * The best scale of the `elements` values, its rows into {@link rows}. The candidates are the inverse scales
 * numerator / `divisor`, the f32 at `numerators`: `candidates` of them, filled up to a multiple of four.
 * Where none fits at all: the scale `from`, levels 0, and the runs of `trusted` counted as in the grid.
 */
export function searchScale(
  book: Codebook,
  elements: usize,
  numerators: usize,
  candidates: usize,
  divisor: f32,
  from: f32,
  trusted: u32,
): f32 {
  const runs = elements / <usize>book.length
  const filled = (candidates + 3) & ~3
  magnitude = greatestMagnitude(elements)
  multiply(elements)
  setCandidates(numerators, filled, divisor)
  const greatest = load<f32>(scales)
  const least = load<f32>(scales + ((filled - 1) << 2))
  const ordinary = isOrdinary(greatest, magnitude) && isOrdinary(least, magnitude)
  const lines = ordinary && setScales(book, magnitude, least, greatest)
  beginScores(elements, filled)
  findRows(book, runs, filled, ordinary, lines)
  scale = from
  best = 0
  winner = -1
  candidateCount = candidates
  trustedRuns = trusted
  steady = ordinary
  scoreExactly(book, elements, promisingCandidates(candidates))
  for (let run: usize = 0; run < runs; run++) {
    store<u32>(rows + (run << 2), winner < 0 ? 0 : candidateRow(run, winner))
  }
  return scale
}

/** Bits of the runs of the last search whose levels were not in the grid. */
export function runsOffGrid(runs: i32): u32 {
  if (winner < 0) return ~trustedRuns & ((1 << runs) - 1)
  let off: u32 = 0
  for (let run = 0; run < runs; run++) off |= (<u32>!isInGrid(run, winner)) << (<u32>run)
  return off
}

const inverseOfScale: usize = memory.data(16, 16)

/** The candidate that is not below `scale` but whose next one is not above it, also as inverses; −1: none. */
function candidateAbove(scale: f32, inverse: f32): i32 {
  if (!steady) return -1
  for (let k: usize = 0; k + 1 < candidateCount; k++) {
    const at = k << 2
    if (scale > load<f32>(scales + at) || scale < load<f32>(scales + at, 4)) continue
    return inverse >= load<f32>(inverses + at) && inverse <= load<f32>(inverses + at, 4) ? <i32>k : -1
  }
  return -1
}

/** Rows of the runs in `wanted` anew under `by`, which must be above 0; then gives the best scale for all rows. */
export function refine(book: Codebook, elements: usize, wanted: u32, by: f32): f32 {
  const runs = elements / <usize>book.length
  const inverse: f32 = 1 / by
  const k = candidateAbove(by, inverse)
  const ordinary = isOrdinary(by, magnitude)
  v128.store(inverseOfScale, f32x4.splat(inverse))
  let changed = winner < 0
  for (let run: usize = 0; run < runs; run++) {
    if (((wanted >> <u32>run) & 1) == 0) continue
    const row = k >= 0 && isSteady(run, k) ? candidateRow(run, k) : findRow(book, run, by, inverseOfScale, ordinary)
    changed = changed || row != load<u32>(rows + (run << 2))
    store<u32>(rows + (run << 2), row)
  }
  // The same rows have the same sums, of which the scale was made.
  if (!changed) return by
  for (let run: usize = 0; run < runs; run++) {
    v128.store(rowsOfFour + (run << 4), v128.load32_splat(rows + (run << 2)))
  }
  sumUp(book, elements)
  const square = load<f32>(squareSums)
  return square > 0 ? load<f32>(productSums) / square : by
}
