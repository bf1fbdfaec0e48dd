/**
 * The row of a codebook that is nearest to a run of a sub-block's values under one scale, as llama.cpp finds it: least
 * Σ root · (scale · row's value − value)², summed in f32 from the first element on, the first of equals. Four rows of
 * the list are looked at side by side.
 */
import { Codebook, rowAt } from './codebook'
import { roots, values } from './grid-subblock'

/** What is not below this is never chosen: infinity and NaN. */
const greatest: f32 = 3.40282346638528859812e38

/** Read from (4 − n) · 4 on: nothing for the first n lanes of a vector, and infinity for those behind a list's end. */
const beyond: usize = memory.data<f32>([0, 0, 0, 0, Infinity, Infinity, Infinity, Infinity])

/** What to add to the distances of the rows from `index` on of a list of `count`. */
export function farBeyond(index: usize, count: usize): v128 {
  return v128.load(beyond + (index + 4 > count ? (index + 4 - count) << 2 : 0))
}

/** root · (scale · (2 · level + 1) − value)² of the element at the offset `at`. */
function error(level: v128, scale: v128, at: usize): v128 {
  const value = f32x4.convert_i32x4_s(i32x4.add(i32x4.shl(level, 1), i32x4.splat(1)))
  const difference = f32x4.sub(f32x4.mul(scale, value), v128.load32_splat(values + at))
  return f32x4.mul(f32x4.mul(v128.load32_splat(roots + at), difference), difference)
}

/** The distances of the four rows with these levels of three bits each, from the run at the offset `at`. */
function distancesOfFour(rows: v128, scale: v128, at: usize): v128 {
  const mask = i32x4.splat(7)
  const start = f32x4.add(
    error(v128.and(rows, mask), scale, at),
    error(v128.and(i32x4.shr_u(rows, 3), mask), scale, at + 4),
  )
  const more = f32x4.add(start, error(v128.and(i32x4.shr_u(rows, 6), mask), scale, at + 8))
  return f32x4.add(more, error(v128.and(i32x4.shr_u(rows, 9), mask), scale, at + 12))
}

/** The same of eight levels of two bits each. */
function distancesOfEight(rows: v128, scale: v128, at: usize): v128 {
  const mask = i32x4.splat(3)
  let sum = error(v128.and(rows, mask), scale, at)
  for (let i: i32 = 1; i < 8; i++) {
    sum = f32x4.add(sum, error(v128.and(i32x4.shr_u(rows, 2 * i), mask), scale, at + ((<usize>i) << 2)))
  }
  return sum
}

const best4: usize = memory.data(16, 16)
const place4: usize = memory.data(16, 16)

/** The row of `list` nearest to the run that begins with element `first`; −1 where all are infinitely far. */
export function nearestRow(book: Codebook, list: usize, first: usize, scale: f32): i32 {
  const count = <usize>load<u16>(list)
  const four = book.length == 4
  const scales = f32x4.splat(scale)
  let best = f32x4.splat(greatest)
  let places = i32x4.splat(-1)
  for (let index: usize = 0; index < count; index += 4) {
    const rows = v128.load_ext<u16>(list + 2 + (index << 1))
    const all = four ? distancesOfFour(rows, scales, first << 2) : distancesOfEight(rows, scales, first << 2)
    const distance = f32x4.add(all, farBeyond(index, count))
    const nearer = f32x4.lt(distance, best)
    best = v128.bitselect(distance, best, nearer)
    places = v128.bitselect(i32x4.splat(<i32>index), places, nearer)
  }
  v128.store(best4, best)
  v128.store(place4, i32x4.add(places, i32x4(0, 1, 2, 3)))
  let least = greatest
  let place = -1
  for (let lane: usize = 0; lane < 16; lane += 4) {
    const distance = load<f32>(best4 + lane)
    const own = load<i32>(place4 + lane)
    if (!(distance < least) && !(distance == least && own < place)) continue
    least = distance
    place = own
  }
  return place < 0 ? -1 : rowAt(book, list, <usize>place)
}
