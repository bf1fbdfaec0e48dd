/**
 * The grid row that is nearest to a run of eight weights (IQ1_S, IQ1_M) among the neighbours of its levels: least
 * Σ importance · (scale · value − weight)², summed in f32 from the first weight on, the first of equals.
 *
 * There are a hundred neighbours or more, so all are first measured in whole steps of {@link steps}, 16 at a time, each
 * pair of weights rounded down; only those that can be the nearest in spite of that are measured as they should.
 */
import { Codebook, rowOfTwoBits } from './codebook'

/** What is not below this is never chosen: infinity and NaN. */
const greatest: f32 = 3.40282346638528859812e38

/** How many steps the first neighbour is away: with what a nearer one could lose less than 255. */
const steps: f32 = 240
/** Four pairs rounded down lose less than four steps; one is added for the rounding of f32, 1e-4 of a step. */
const slack: i32 = 4
/** For a distance of the first neighbour within these bounds. */
const smallest: f32 = 1e-30
const largest: f32 = 1e30

/** Errors of the eight weights as level 0, 1 and 2: one vector for each weight, whose last lane does not count. */
const errors: usize = memory.data(128, 16)
/** The errors in steps of the four pairs of weights as bytes, by level of the first + 4 · level of the second. */
const pairs: usize = memory.data(64, 16)
/** Distances in steps of up to 512 neighbours. */
const distances: usize = memory.data(512, 16)

function setErrors(src: usize, importances: usize, scale: f32, shift: f32): void {
  const values = f32x4.mul(f32x4.splat(scale), f32x4.add(f32x4(-1, 0, 1, 0), f32x4.splat(shift)))
  for (let at: usize = 0; at < 32; at += 4) {
    const off = f32x4.sub(values, v128.load32_splat(src + at))
    v128.store(errors + (at << 2), f32x4.mul(f32x4.mul(v128.load32_splat(importances + at), off), off))
  }
}

/** The distance of a row whose levels are given, two bits each. */
function distanceOf(levels: usize): f32 {
  let distance: f32 = load<f32>(errors + ((levels & 3) << 2))
  distance += load<f32>(errors + (((levels >> 2) & 3) << 2), 16)
  distance += load<f32>(errors + (((levels >> 4) & 3) << 2), 32)
  distance += load<f32>(errors + (((levels >> 6) & 3) << 2), 48)
  distance += load<f32>(errors + (((levels >> 8) & 3) << 2), 64)
  distance += load<f32>(errors + (((levels >> 10) & 3) << 2), 80)
  distance += load<f32>(errors + (((levels >> 12) & 3) << 2), 96)
  return distance + load<f32>(errors + ((levels >> 14) << 2), 112)
}

function setPairs(stepsPerUnit: f32): void {
  const factor = f32x4.splat(stepsPerUnit)
  // Farthest: levels of 3, with which lists are filled up.
  const none = i8x16(0, 0, 0, -1, 0, 0, 0, -1, 0, 0, 0, -1, -1, -1, -1, -1)
  for (let pair: usize = 0; pair < 4; pair++) {
    const at = errors + (pair << 5)
    const first = v128.load(at)
    const as0 = i32x4.trunc_sat_f32x4_s(f32x4.mul(factor, f32x4.add(first, v128.load32_splat(at, 16))))
    const as1 = i32x4.trunc_sat_f32x4_s(f32x4.mul(factor, f32x4.add(first, v128.load32_splat(at, 20))))
    const as2 = i32x4.trunc_sat_f32x4_s(f32x4.mul(factor, f32x4.add(first, v128.load32_splat(at, 24))))
    const low = i16x8.narrow_i32x4_s(as0, as1)
    v128.store(pairs + (pair << 4), v128.or(none, i8x16.narrow_i16x8_u(low, i16x8.narrow_i32x4_s(as2, as2))))
  }
}

/** Fills {@link distances} for `count` neighbours in groups of 16; gives the least. */
function measureAll(groups: usize, count: usize): u32 {
  const pair0 = v128.load(pairs)
  const pair1 = v128.load(pairs, 16)
  const pair2 = v128.load(pairs, 32)
  const pair3 = v128.load(pairs, 48)
  const low = i8x16.splat(15)
  let least = i8x16.splat(-1)
  for (let at: usize = 0; at < count; at += 16) {
    const half0 = v128.load(groups + (at << 1))
    const half1 = v128.load(groups + (at << 1), 16)
    const first = i8x16.add_sat_u(
      i8x16.swizzle(pair0, v128.and(half0, low)),
      i8x16.swizzle(pair1, i8x16.shr_u(half0, 4)),
    )
    const second = i8x16.add_sat_u(
      i8x16.swizzle(pair2, v128.and(half1, low)),
      i8x16.swizzle(pair3, i8x16.shr_u(half1, 4)),
    )
    const sum = i8x16.add_sat_u(first, second)
    v128.store(distances + at, sum)
    least = i8x16.min_u(least, sum)
  }
  least = i8x16.min_u(least, v128.shuffle<i64>(least, least, 1, 0))
  least = i8x16.min_u(least, v128.shuffle<i32>(least, least, 1, 0, 3, 2))
  const four = i32x4.extract_lane(least, 0)
  const pair = i8x16.min_u(least, i32x4.splat(four >>> 16))
  return min<u32>(i8x16.extract_lane_u(pair, 0), i8x16.extract_lane_u(pair, 1))
}

/** The levels of neighbour `index` of a list, two bits each. */
function levelsAt(groups: usize, index: usize): usize {
  const at = groups + ((index & ~15) << 1) + (index & 15)
  return <usize>load<u8>(at) | ((<usize>load<u8>(at, 16)) << 8)
}

/** The levels of the nearest, two bits each, among those at most `limit` steps away; −1 if there is none. */
function nearestWithin(groups: usize, count: usize, limit: u32): i32 {
  const most = i8x16.splat(<i8>limit)
  let best = greatest
  let nearest = -1
  for (let at: usize = 0; at < count; at += 16) {
    let near = i8x16.bitmask(i8x16.le_u(v128.load(distances + at), most))
    if (count - at < 16) near &= (1 << (<u32>(count - at))) - 1
    for (; near != 0; near &= near - 1) {
      const levels = levelsAt(groups, at + <usize>ctz(near))
      const distance = distanceOf(levels)
      if (distance < best) {
        best = distance
        nearest = <i32>levels
      }
    }
  }
  return nearest
}

/**
 * The row of `book` nearest to the eight weights at `src`, whose levels have the code `code`, which is not in the grid:
 * values are level − 1 + `shift`. −1 where all are infinitely far.
 */
export function nearestSplitRow(
  book: Codebook,
  code: usize,
  src: usize,
  importances: usize,
  scale: f32,
  shift: f32,
): i32 {
  const list = load<usize>(book.all + (code << 2))
  const count = <usize>load<u16>(list)
  const groups = list + 2
  setErrors(src, importances, scale, shift)
  const first = distanceOf(levelsAt(groups, 0))
  let limit: u32 = 255
  if (first > smallest && first < largest) {
    setPairs(steps / first)
    limit = measureAll(groups, count) + slack
  }
  const nearest = nearestWithin(groups, count, limit)
  return nearest < 0 ? -1 : rowOfTwoBits(book, <u32>nearest)
}
