/**
 * The rows of a codebook that are nearest to a run of values under four scales, one in each lane: least
 * Σ weight · (scale · row's value − value)², summed in f32 from the first element on, the first of equals.
 */
import { Codebook } from './codebook'

/** What is not below this is never chosen: infinity and NaN. */
const greatest: f32 = 3.40282346638528859812e38

/** weight · (scale · value − x)² in each lane, `value` one f32 for all. */
function error(value: usize, scale: v128, x: v128, weight: v128): v128 {
  const difference = f32x4.sub(f32x4.mul(scale, v128.load32_splat(value)), x)
  return f32x4.mul(f32x4.mul(weight, difference), difference)
}

function nearestOfFour(book: Codebook, list: usize, x: usize, weights: usize, scale: v128): v128 {
  const x0 = v128.load32_splat(x)
  const x1 = v128.load32_splat(x, 4)
  const x2 = v128.load32_splat(x, 8)
  const x3 = v128.load32_splat(x, 12)
  const weight0 = v128.load32_splat(weights)
  const weight1 = v128.load32_splat(weights, 4)
  const weight2 = v128.load32_splat(weights, 8)
  const weight3 = v128.load32_splat(weights, 12)
  const end = list + 2 + ((<usize>load<u16>(list)) << 1)
  let best = f32x4.splat(greatest)
  let nearest = i32x4.splat(-1)
  for (let at = list + 2; at < end; at += 2) {
    const row = <usize>load<u16>(at)
    const values = book.values + (row << 4)
    let distance = f32x4.add(error(values, scale, x0, weight0), error(values + 4, scale, x1, weight1))
    distance = f32x4.add(distance, error(values + 8, scale, x2, weight2))
    distance = f32x4.add(distance, error(values + 12, scale, x3, weight3))
    const nearer = f32x4.lt(distance, best)
    best = v128.bitselect(distance, best, nearer)
    nearest = v128.bitselect(i32x4.splat(<i32>row), nearest, nearer)
  }
  return nearest
}

/** Of each of eight values, its errors as level 0, 1 and 2, four lanes each: 16 bytes for a level. */
const errors: usize = memory.data(384, 16)

/** Fills {@link errors} for the eight f32 at `x`. */
function setErrors(x: usize, weights: usize, scale: v128): void {
  const low = scale
  const middle = f32x4.mul(scale, f32x4.splat(3))
  const high = f32x4.mul(scale, f32x4.splat(5))
  for (let i: usize = 0; i < 8; i++) {
    const value = v128.load32_splat(x + (i << 2))
    const weight = v128.load32_splat(weights + (i << 2))
    const at = errors + i * 48
    const off0 = f32x4.sub(low, value)
    const off1 = f32x4.sub(middle, value)
    const off2 = f32x4.sub(high, value)
    v128.store(at, f32x4.mul(f32x4.mul(weight, off0), off0))
    v128.store(at, f32x4.mul(f32x4.mul(weight, off1), off1), 16)
    v128.store(at, f32x4.mul(f32x4.mul(weight, off2), off2), 32)
  }
}

function nearestOfEight(book: Codebook, list: usize): v128 {
  const end = list + 2 + ((<usize>load<u16>(list)) << 1)
  let best = f32x4.splat(greatest)
  let nearest = i32x4.splat(-1)
  for (let at = list + 2; at < end; at += 2) {
    const row = <usize>load<u16>(at)
    const levels = book.steps + (row << 3)
    let distance = f32x4.add(
      v128.load(errors + <usize>load<u8>(levels)),
      v128.load(errors + <usize>load<u8>(levels, 1), 48),
    )
    distance = f32x4.add(distance, v128.load(errors + <usize>load<u8>(levels, 2), 96))
    distance = f32x4.add(distance, v128.load(errors + <usize>load<u8>(levels, 3), 144))
    distance = f32x4.add(distance, v128.load(errors + <usize>load<u8>(levels, 4), 192))
    distance = f32x4.add(distance, v128.load(errors + <usize>load<u8>(levels, 5), 240))
    distance = f32x4.add(distance, v128.load(errors + <usize>load<u8>(levels, 6), 288))
    distance = f32x4.add(distance, v128.load(errors + <usize>load<u8>(levels, 7), 336))
    const nearer = f32x4.lt(distance, best)
    best = v128.bitselect(distance, best, nearer)
    nearest = v128.bitselect(i32x4.splat(<i32>row), nearest, nearer)
  }
  return nearest
}

/**
 * The rows nearest to the `book.length` f32 at `x`, whose levels have the code `code`, which is not in the grid; −1
 * where all are infinitely far. Only where the values surely round to these levels, away from the middle between two,
 * may the rows that others beat be passed over: `all` says that they may not.
 */
export function nearestRows(book: Codebook, code: usize, x: usize, weights: usize, scale: v128, all: bool): v128 {
  const list = load<usize>((all ? book.all : book.near) + (code << 2))
  if (book.length == 4) return nearestOfFour(book, list, x, weights, scale)
  setErrors(x, weights, scale)
  return nearestOfEight(book, list)
}
