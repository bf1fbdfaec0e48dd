/**
 * The tables of a codebook (./codebook): rows by code, and for each code that is not in the grid the rows that are its
 * neighbours.
 */
import { Codebook, ternary } from './codebook'

/** Distance² of each row from the code looked at, as bytes: at most 4 · 7². */
const distanceOf: usize = memory.data(2048, 16)
/** The rows found for a code, as u16. A run of eight levels has at most 292 in the grids there are. */
const found: usize = memory.data(1024, 16)
const kept: usize = memory.data(1024, 16)

/** Makes the tables of a `book` of runs of eight levels 0 … 2, if that has not been done. */
export function prepareTwoBits(
  book: Codebook,
  codes: usize,
  rowCount: i32,
  distances: i32,
  space: usize,
  spaceBytes: i32,
): void {
  prepareRuns(book, 8, 3, codes, rowCount, distances, space, spaceBytes)
}

/** The same of runs of four levels 0 … 7. */
export function prepareThreeBits(
  book: Codebook,
  codes: usize,
  rowCount: i32,
  distances: i32,
  space: usize,
  spaceBytes: i32,
): void {
  prepareRuns(book, 4, 8, codes, rowCount, distances, space, spaceBytes)
}

function prepareRuns(
  book: Codebook,
  length: i32,
  radix: i32,
  codes: usize,
  rowCount: i32,
  distances: i32,
  space: usize,
  spaceBytes: i32,
): void {
  book.length = length
  book.radix = radix
  book.codes = codes
  book.rowCount = rowCount
  book.distances = distances
  book.space = space
  book.spaceBytes = spaceBytes
  prepareCodebook(book)
}

/** Makes the tables of `book`, whose first fields are set, if that has not been done. */
export function prepareCodebook(book: Codebook): void {
  if (book.end != 0) return
  setTernary()
  placeTables(book)
  for (let row = 0; row < book.rowCount; row++) addRow(book, row)
  for (let code: usize = 0; code < <usize>book.codeCount; code++) {
    if (load<i16>(book.rowOf + (code << 1)) < 0) addNeighbours(book, code)
  }
  if (book.end > book.space + book.spaceBytes) unreachable()
}

function setTernary(): void {
  for (let packed: u32 = 0; packed < 256; packed++) {
    const code = (packed & 3) + 3 * ((packed >> 2) & 3) + 9 * ((packed >> 4) & 3) + 27 * (packed >> 6)
    store<u16>(ternary + (packed << 1), code)
  }
}

function placeTables(book: Codebook): void {
  book.codeCount = book.length == 4 ? 4096 : 6561
  const codes = <usize>book.codeCount
  const rows = <usize>book.rowCount
  book.values = book.space
  book.levels = book.values + rows * <usize>book.length * 4
  book.near = book.levels + rows * 8
  book.all = book.near + codes * 4
  book.rowOf = book.all + codes * 4
  book.end = book.rowOf + codes * 2
  memory.fill(book.rowOf, 0xff, codes * 2)
}

/** The levels of `code` as eight bytes; those beyond the length are 0. */
function levelsOf(book: Codebook, code: u32): u64 {
  let levels: u64 = 0
  const radix = <u32>book.radix
  for (let i = 0; i < book.length; i++) {
    levels |= (<u64>(code % radix)) << ((<u64>i) << 3)
    code /= radix
  }
  return levels
}

function addRow(book: Codebook, row: usize): void {
  const code = load<u16>(book.codes + (row << 1))
  const levels = levelsOf(book, code)
  store<i16>(book.rowOf + ((<usize>code) << 1), <i16>row)
  store<u64>(book.levels + (row << 3), levels)
  const values = book.values + row * <usize>book.length * 4
  for (let i: usize = 0; i < <usize>book.length; i++) {
    const value = 1 + 2 * (<i32>(levels >> ((<u64>i) << 3)) & 255)
    store<f32>(values + (i << 2), <f32>value)
  }
}

function addNeighbours(book: Codebook, code: usize): void {
  const levels = levelsOf(book, <u32>code)
  const count = findNeighbours(book, levels)
  if (book.split) return addSplitList(book, book.all + (code << 2), count)
  addList(book, book.all + (code << 2), found, count)
  const keep = keepNearest(book, levels, count)
  if (keep == count) store<usize>(book.near + (code << 2), load<usize>(book.all + (code << 2)))
  else addList(book, book.near + (code << 2), kept, keep)
}

/** Of the rows at `rows`. The last group of four is filled up with 0, so that it may be read as a whole. */
function addList(book: Codebook, address: usize, rows: usize, count: usize): void {
  store<usize>(address, book.end)
  store<u16>(book.end, <u16>count)
  for (let i: usize = 0; i < count; i++) {
    const levels = load<u64>(book.levels + ((<usize>load<u16>(rows + (i << 1))) << 3))
    store<u16>(book.end + (i << 1), book.length == 4 ? bitsEach(levels, 3) : bitsEach(levels, 2), 2)
  }
  book.end += 2 + (((count + 3) & ~3) << 1)
}

/** Of the rows in {@link found}. The last group of 16 is filled up with levels of 3, which no row has. */
function addSplitList(book: Codebook, address: usize, count: usize): void {
  store<usize>(address, book.end)
  store<u16>(book.end, <u16>count)
  book.end += 2
  const bytes = ((count + 15) & ~15) << 1
  memory.fill(book.end, 0xff, bytes)
  for (let i: usize = 0; i < count; i++) {
    const packed = bitsEach(load<u64>(book.levels + ((<usize>load<u16>(found + (i << 1))) << 3)), 2)
    const at = book.end + ((i & ~15) << 1) + (i & 15)
    store<u8>(at, packed)
    store<u8>(at, packed >> 8, 16)
  }
  book.end += bytes
}

/** The levels given as eight bytes, `bits` each. */
function bitsEach(levels: u64, bits: u32): u32 {
  let packed: u32 = 0
  for (let i: u32 = 0; i < 8; i++) packed |= (<u32>(levels >> ((<u64>i) << 3)) & 7) << (i * bits)
  return packed
}

/** Puts the neighbours of a run into {@link found}, by distance and row, and gives their number. */
function findNeighbours(book: Codebook, levels: u64): usize {
  measure(book, levels)
  let count: usize = 0
  let shell = -1
  for (let distance = 0; distance < book.distances; distance++) {
    shell = nextDistance(book.rowCount, shell)
    for (let row: usize = 0; row < <usize>book.rowCount; row++) {
      if (<i32>load<u8>(distanceOf + row) != shell) continue
      store<u16>(found + (count << 1), <u16>row)
      count++
    }
  }
  return count
}

function measure(book: Codebook, levels: u64): void {
  const run = i16x8.extend_low_i8x16_u(i64x2.splat(levels))
  for (let row: usize = 0; row < <usize>book.rowCount; row++) {
    const difference = i16x8.sub(v128.load_ext<u8>(book.levels + (row << 3)), run)
    const squares = i32x4.dot_i16x8_s(difference, difference)
    const pairs = i32x4.add(squares, v128.shuffle<i32>(squares, squares, 2, 3, 0, 1))
    store<u8>(distanceOf + row, i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1))
  }
}

/** The least distance above `shell`; 256 if there is none. */
function nextDistance(rows: i32, shell: i32): i32 {
  let least = 256
  for (let row = 0; row < rows; row++) {
    const distance = <i32>load<u8>(distanceOf + <usize>row)
    if (distance > shell && distance < least) least = distance
  }
  return least
}

/**
 * Leaves out of {@link found} what another row found beats whatever the values and their weights: where each level of
 * that row lies between the run's level and the level of the one left out, or is one of them, each of its errors is at
 * most as large. (If equal, it still comes first: it is nearer.) Gives how many rows are then in {@link kept}.
 */
function keepNearest(book: Codebook, levels: u64, count: usize): usize {
  const run = i64x2.splat(levels)
  let keep: usize = 0
  for (let i: usize = 0; i < count; i++) {
    const row = load<u16>(found + (i << 1))
    const own = v128.load64_splat(book.levels + ((<usize>row) << 3))
    if (isBeaten(book, i8x16.min_u(run, own), i8x16.max_u(run, own), keep)) continue
    store<u16>(kept + (keep << 1), row)
    keep++
  }
  return keep
}

function isBeaten(book: Codebook, low: v128, high: v128, keep: usize): bool {
  for (let i: usize = 0; i < keep; i++) {
    const other = v128.load64_splat(book.levels + ((<usize>load<u16>(kept + (i << 1))) << 3))
    if (i8x16.all_true(v128.and(i8x16.ge_u(other, low), i8x16.le_u(other, high)))) return true
  }
  return false
}
