/**
 * The grid row of each run of a sub-block under each candidate scale. A run's code mostly stays the same for several
 * candidates in a row, and so does the nearest row of a code that is not in the grid: where the first and the last
 * candidate of a code surely have the same one, so have those between (./neighbour-lines).
 */
import { Codebook } from './codebook'
import { codeStarts, codes, findAnyLevels, findLevels, mostCandidates } from './grid-levels'
import { addScore, beginRun } from './grid-scores'
import { markLost } from './grid-subblock'
import { lineBytes, measureBetween, nearestUnderLast, setMargin, surelyNearest } from './neighbour-lines'
import { nearestRow } from './neighbours'

/** Candidates, each the inverse of the other; there may be as many more as fill up a vector. */
export const inverses: usize = memory.data(128, 16)
export const scales: usize = memory.data(128, 16)

/** For each of eight runs the row of each candidate as u16, and room to write beyond. */
const rowsOfRuns: usize = memory.data(1024 + 128, 16)
const rowBytes: usize = mostCandidates << 2
/** For each run: a bit for each candidate whose code is in the grid. */
const inGrid: usize = memory.data(32, 16)
/** For each run: a bit for each candidate that has the same code and surely the same row as the one before it. */
const alike: usize = memory.data(32, 16)

/** The row of a run under candidate `k`. */
export function candidateRow(run: usize, k: usize): u32 {
  return load<u16>(rowsOfRuns + run * rowBytes + (k << 1))
}

/** Whether the run's code under candidate `k` is in the grid. */
export function isInGrid(run: usize, k: usize): bool {
  return ((load<u32>(inGrid + (run << 2)) >> <u32>k) & 1) != 0
}

/** Whether the run has one row under candidate `k`, the next one and all scales between. */
export function isSteady(run: usize, k: usize): bool {
  return ((load<u32>(alike + (run << 2)) >> <u32>(k + 1)) & 1) != 0
}

/** Candidates that follow each other, under which a run has one code. */
@unmanaged
class Stretch {
  from: usize
  to: usize
  /** The code's neighbours. Of no meaning if it is in the grid. */
  list: usize
  /** Their lines; 0 where they were not measured. */
  lines: usize
  /** The rows under the first and the last candidate; −1 where none is sure. */
  firstRow: i32
  lastRow: i32
}

const stretchBytes: usize = 32
const stretches: usize = memory.data(8 * 32 * 32, 16)
/** Where the next one goes, and where those of each run end. */
let end: usize = stretches
const ends: usize = memory.data(32, 16)
/** Those of a run whose codes are not in the grid, and where the next one goes. */
const offGrid: usize = memory.data(128, 16)
let offGridEnd: usize = offGrid

/** For the lines of a sub-block; where they do not fit, rows are looked for exactly. */
const lineSpace: usize = memory.data(16384, 16)
const lineSpaceEnd: usize = lineSpace + 16384
let lineEnd: usize = lineSpace

let book: Codebook = changetype<Codebook>(0)
let first: usize = 0
/** The list looked at, and its lines. */
let list: usize = 0
let lines: usize = 0
/** Bits of candidates whose row is not surely that of the one before. */
let changes: u32 = 0
/** The row that was last found; none is −1. */
let row: i32 = -1
/** Of which run. */
let rowAddress: usize = 0
/** A bit for each candidate that has another row than the one before it in some run. */
let moves: u32 = 0

/** Whether all rows under candidate `k` are those under the one before it. */
export function isRepeated(k: usize): bool {
  return ((moves >> <u32>k) & 1) == 0
}

/** The run has the row `found` from candidate `k` on; −1 − row where it had to be looked for exactly. */
function emit(k: usize, found: i32): void {
  const next = found < 0 ? -1 - found : found
  changes |= (found < 0 ? 3 : 1) << (<u32>k)
  moves |= (<u32>(next != row)) << (<u32>k)
  row = next
  const at = rowAddress + (k << 1)
  const eight = i16x8.splat(<i16>next)
  v128.store(at, eight)
  v128.store(at, eight, 16)
  v128.store(at, eight, 32)
  v128.store(at, eight, 48)
  addScore(book, first, k, next)
}

/** The row under candidate `k`, looked for exactly. */
function exactRow(k: usize): i32 {
  const nearest = nearestRow(book, list, first, load<f32>(scales + (k << 2)))
  if (nearest < 0) markLost()
  return -1 - max(nearest, 0)
}

function rowUnder(k: usize): i32 {
  const sure = lines != 0 ? surelyNearest(book, list, lines, load<f32>(scales + (k << 2))) : -1
  return sure >= 0 ? sure : exactRow(k)
}

/** Emits the changes behind candidate `from` up to `to`, whose rows are known. */
function fill(from: usize, fromRow: i32, to: usize, toRow: i32): void {
  if (fromRow == toRow && fromRow >= 0) return
  if (from + 1 == to) return emit(to, toRow)
  const middle = (from + to) >> 1
  const between = rowUnder(middle)
  fill(from, fromRow, middle, between)
  fill(middle, between, to, toRow)
}

/** Emits the rows of a stretch that is not known to have the same one under all its candidates. */
function fillStretch(one: Stretch): void {
  const from = one.from
  const to = one.to
  list = one.list
  // Where neither end is sure, rows are as good as each other, and hardly surer between.
  lines = (one.firstRow & one.lastRow) < 0 ? 0 : one.lines
  if (lines != 0) setMargin(book, first)
  const firstRow = one.firstRow < 0 ? exactRow(from) : one.firstRow
  emit(from, firstRow)
  if (from != to) fill(from, firstRow, to, one.lastRow < 0 ? exactRow(to) : one.lastRow)
}

/** Finds the stretches of a run; gives a bit for each candidate whose code is in the grid. */
function findStretches(candidates: usize, doubt: u32): u32 {
  let grid: u32 = 0
  offGridEnd = offGrid
  for (let starts = codeStarts(candidates); starts != 0; ) {
    const from = <usize>ctz(starts)
    starts &= starts - 1
    const next = starts != 0 ? <usize>ctz(starts) : candidates
    const code = <usize>load<u32>(codes + (from << 2))
    const own = <i32>load<i16>(book.rowOf + (code << 1))
    const within = ((doubt >> <u32>from) << (<u32>from)) << (31 - <u32>(next - 1))
    const lists = within != 0 ? book.all : book.near
    const one = changetype<Stretch>(end)
    one.from = from
    one.to = next - 1
    one.list = load<usize>(lists + (code << 2))
    one.lines = 0
    one.firstRow = own
    one.lastRow = own
    store<usize>(offGridEnd, end)
    offGridEnd += own < 0 ? 4 : 0
    end += stretchBytes
    const behind: u32 = 0xffffffff << (<u32>from)
    grid = own < 0 ? grid & ~behind : grid | behind
  }
  return grid
}

/** Looks for the rows under the first and the last candidate of each stretch in {@link offGrid}. */
function measureStretches(): void {
  if (!setMargin(book, first)) return
  for (let at = offGrid; at < offGridEnd; at += 4) {
    const one = changetype<Stretch>(load<usize>(at))
    const from = load<f32>(scales + (one.from << 2))
    const to = load<f32>(scales + (one.to << 2))
    const bytes = lineBytes(one.list)
    if (lineEnd + bytes > lineSpaceEnd) return
    one.lines = lineEnd
    lineEnd += bytes
    one.firstRow = measureBetween(book, one.list, first, one.lines, from, to)
    one.lastRow = nearestUnderLast
  }
}

function emitRows(run: usize, begin: usize): void {
  first = run * <usize>book.length
  rowAddress = rowsOfRuns + run * rowBytes
  row = -1
  changes = 0
  beginRun()
  for (let at = begin; at < load<usize>(ends + (run << 2)); at += stretchBytes) {
    const one = changetype<Stretch>(at)
    if (one.firstRow == one.lastRow && one.firstRow >= 0) emit(one.from, one.firstRow)
    else fillStretch(one)
  }
  store<u32>(alike + (run << 2), ~changes)
}

/**
 * Finds the rows of all runs under all `candidates`, whose number is a multiple of four.
 *
 * @param ordinary whether levels can be trusted (./grid-levels)
 * @param useLines whether lines tell anything in this sub-block (./neighbour-lines)
 */
export function findRows(from: Codebook, runs: usize, candidates: usize, ordinary: bool, useLines: bool): void {
  book = from
  moves = 0
  end = stretches
  lineEnd = lineSpace
  for (let run: usize = 0; run < runs; run++) {
    first = run * <usize>book.length
    let doubt: u32 = 0xffffffff
    if (ordinary) doubt = findLevels(book, first, inverses, candidates)
    else findAnyLevels(book, first, inverses, candidates)
    store<u32>(inGrid + (run << 2), findStretches(candidates, doubt))
    store<usize>(ends + (run << 2), end)
    if (useLines) measureStretches()
  }
  for (let run: usize = 0; run < runs; run++) emitRows(run, run == 0 ? stretches : load<usize>(ends + (run << 2) - 4))
}

/** The row of run `index` under one scale, whose inverse is in the four f32 at `inverse`. */
export function findRow(from: Codebook, index: usize, scale: f32, inverse: usize, ordinary: bool): u32 {
  first = index * <usize>from.length
  let doubt: u32 = 1
  if (ordinary) doubt = findLevels(from, first, inverse, 4)
  else findAnyLevels(from, first, inverse, 4)
  const code = <usize>load<u32>(codes)
  const own = <i32>load<i16>(from.rowOf + (code << 1))
  if (own >= 0) return own
  const row = nearestRow(from, load<usize>((doubt != 0 ? from.all : from.near) + (code << 2)), first, scale)
  if (row < 0) markLost()
  return max(row, 0)
}
