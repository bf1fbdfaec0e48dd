/**
 * The search behind Q3_K (`make_q3_quants` of ggml with nmax 4): levels −4…3 by the inverse scale −4 / extreme, then
 * passes in which single levels change where that lessens the error (./three-bit-refinement), values counted by their
 * squares.
 */
import {
  bitmaskOf16,
  clearColumns,
  columns,
  columnsEnd,
  groupBytes,
  loadColumns,
  rowBytes,
  zeroBelow,
} from './groups-of-16'
import { nearest } from './nearest'
import { levelLevels, moves, refineRow, valueLevels } from './three-bit-refinement'

/** Of each sub-block of the superblock the scale found, f32; 0 where all weights are as good as zero. */
export const scales: usize = memory.data(64, 16)
/** Of each sub-block the inverse scale that gave its first levels, f32; 0 where all weights are as good as zero. */
export const inverses: usize = memory.data(64, 16)
/** Of sub-blocks whose bit is set in what {@link fitThreeBits} returns: their levels, sixteen f32 each. */
export const refinedLevels: usize = memory.data(1024, 16)

/** Fits the 16 sub-blocks at `src`; returns the bit mask of those whose levels are in {@link refinedLevels}. */
export function fitThreeBits(src: usize): i32 {
  for (let group: usize = 0; group < 4; group++) setFirstLevels(src + group * groupBytes, group << 4)
  const refined = refine(src)
  for (let at: usize = 0; at < 64; at += 16) {
    const levelLevel = v128.load(levelLevels + at)
    const positive = f32x4.gt(levelLevel, f32x4.splat(0))
    v128.store(scales + at, v128.and(positive, f32x4.div(v128.load(valueLevels + at), levelLevel)))
  }
  return refined
}

/** The sums under the first levels of four sub-blocks, one per lane; `at` is the byte offset of their results. */
function setFirstLevels(src: usize, at: usize): void {
  const extreme = loadColumns(src)
  const alive = f32x4.ge(f32x4.abs(extreme), f32x4.splat(zeroBelow))
  if (!i32x4.all_true(alive)) clearColumns(alive)
  const inverse = v128.and(alive, f32x4.div(f32x4.splat(-4), extreme))
  let valueLevel = f32x4.splat(0)
  let levelLevel = f32x4.splat(0)
  for (let column = columns; column < columnsEnd; column += 16) {
    const value = v128.load(column)
    // −4 needs no limit: inverse · value is −4 at the extreme, give or take a rounding, and nearer to 0 elsewhere.
    const level = f32x4.pmin(nearest(f32x4.mul(inverse, value)), f32x4.splat(3))
    const importance = f32x4.mul(value, value)
    valueLevel = f32x4.add(valueLevel, f32x4.mul(f32x4.mul(importance, value), level))
    levelLevel = f32x4.add(levelLevel, f32x4.mul(f32x4.mul(importance, level), level))
  }
  v128.store(inverses + at, inverse)
  v128.store(valueLevels + at, valueLevel)
  v128.store(levelLevels + at, levelLevel)
}

/**
 * Refines every sub-block that can change. Where Σ importance·value·level is not positive, none can: then the extreme
 * is positive, all terms of the sum are ≤ 0, and what remains of a rounded sum without one of them is not above 0, as
 * a change requires.
 */
function refine(src: usize): i32 {
  const zero = f32x4.splat(0)
  let open = bitmaskOf16(
    f32x4.gt(v128.load(valueLevels), zero),
    f32x4.gt(v128.load(valueLevels, 16), zero),
    f32x4.gt(v128.load(valueLevels, 32), zero),
    f32x4.gt(v128.load(valueLevels, 48), zero),
  )
  let moving = 0
  // Two loops, and no branch in the first: whether a level moves is as good as random.
  for (; open != 0; open &= open - 1) {
    const row = <usize>ctz(open)
    const any = moves(src + row * rowBytes, refinedLevels + row * rowBytes, load<f32>(inverses + (row << 2)), row << 2)
    moving |= i32(any) << (<i32>row)
  }
  for (let left = moving; left != 0; left &= left - 1) {
    const row = <usize>ctz(left)
    refineRow(src + row * rowBytes, refinedLevels + row * rowBytes, row << 2)
  }
  return moving
}
