/**
 * The search behind Q3_K (`make_q3_quants` of ggml with nmax 4): levels −4…3 by the inverse scale −4 / extreme, then
 * up to five passes in which single levels change where that lessens the error, values counted by their squares.
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
import { nearest, nearestInt, nearestInts } from './nearest'

/** Of each sub-block of the superblock the scale found, f32; 0 where all weights are as good as zero. */
export const scales: usize = memory.data(64, 16)
/** Of each sub-block the inverse scale that gave its first levels, f32; 0 where all weights are as good as zero. */
export const inverses: usize = memory.data(64, 16)
/** Of sub-blocks whose bit is set in what {@link fitThreeBits} returns: their levels, sixteen f32 each. */
export const refinedLevels: usize = memory.data(1024, 16)

/** Of each sub-block Σ importance · value · level and Σ importance · level², f32; importance is value². */
const valueLevels: usize = memory.data(64, 16)
const levelLevels: usize = memory.data(64, 16)

const passes = 5

/** Fits the 16 sub-blocks at `src`; returns the bit mask of those whose levels are in {@link refinedLevels}. */
export function fitThreeBits(src: usize): i32 {
  for (let group: usize = 0; group < 4; group++) setFirstLevels(src + group * groupBytes, group << 4)
  const refined = refineRows(src)
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
function refineRows(src: usize): i32 {
  const zero = f32x4.splat(0)
  let open = bitmaskOf16(
    f32x4.gt(v128.load(valueLevels), zero),
    f32x4.gt(v128.load(valueLevels, 16), zero),
    f32x4.gt(v128.load(valueLevels, 32), zero),
    f32x4.gt(v128.load(valueLevels, 48), zero),
  )
  let refined = 0
  while (open != 0) {
    const row = <usize>ctz(open)
    open &= open - 1
    const from = src + row * rowBytes
    const levels = refinedLevels + row * rowBytes
    setRowLevels(from, levels, f32x4.splat(load<f32>(inverses + (row << 2))))
    const better = improvements(from, levels, load<f32>(valueLevels + (row << 2)), load<f32>(levelLevels + (row << 2)))
    if (better != 0) {
      refineRow(from, levels, row << 2, better)
      refined |= 1 << (<i32>row)
    }
  }
  return refined
}

function setRowLevels(src: usize, levels: usize, inverse: v128): void {
  const most = f32x4.splat(3)
  v128.store(levels, f32x4.pmin(nearest(f32x4.mul(inverse, v128.load(src))), most))
  v128.store(levels, f32x4.pmin(nearest(f32x4.mul(inverse, v128.load(src, 16))), most), 16)
  v128.store(levels, f32x4.pmin(nearest(f32x4.mul(inverse, v128.load(src, 32))), most), 32)
  v128.store(levels, f32x4.pmin(nearest(f32x4.mul(inverse, v128.load(src, 48))), most), 48)
}

/** One bit per weight of the row: whether changing its level alone lessens the error, under these sums. */
function improvements(src: usize, levels: usize, valueLevel: f32, levelLevel: f32): i32 {
  const sumValue = f32x4.splat(valueLevel)
  const sumLevel = f32x4.splat(levelLevel)
  return bitmaskOf16(
    fourImprovements(v128.load(src), v128.load(levels), sumValue, sumLevel),
    fourImprovements(v128.load(src, 16), v128.load(levels, 16), sumValue, sumLevel),
    fourImprovements(v128.load(src, 32), v128.load(levels, 32), sumValue, sumLevel),
    fourImprovements(v128.load(src, 48), v128.load(levels, 48), sumValue, sumLevel),
  )
}

function fourImprovements(value: v128, level: v128, valueLevel: v128, levelLevel: v128): v128 {
  const zero = f32x4.splat(0)
  const importance = f32x4.mul(value, value)
  const weighted = f32x4.mul(importance, value)
  const restValue = f32x4.sub(valueLevel, f32x4.mul(weighted, level))
  const restLevel = f32x4.sub(levelLevel, f32x4.mul(f32x4.mul(importance, level), level))
  const rounded = nearestInts(f32x4.div(f32x4.mul(value, restLevel), restValue))
  const limited = i32x4.max_s(i32x4.min_s(rounded, i32x4.splat(3)), i32x4.splat(-4))
  const next = f32x4.convert_i32x4_s(limited)
  const nextValue = f32x4.add(restValue, f32x4.mul(weighted, next))
  const nextLevel = f32x4.add(restLevel, f32x4.mul(f32x4.mul(importance, next), next))
  const gain = f32x4.gt(
    f32x4.mul(f32x4.mul(nextValue, nextValue), levelLevel),
    f32x4.mul(f32x4.mul(valueLevel, valueLevel), nextLevel),
  )
  const differs = v128.and(f32x4.gt(restValue, zero), f32x4.ne(next, level))
  return v128.and(v128.and(differs, f32x4.gt(nextLevel, zero)), gain)
}

/**
 * Changes levels one after the other, as ggml's passes meet them, until a pass finds nothing or the passes are used
 * up. `better` are the improvements under the present sums. A test under sums that have not changed since gives the
 * same answer, so one mask serves for the rest of a pass and for the start of the next.
 */
function refineRow(src: usize, levels: usize, at: usize, better: i32): void {
  let valueLevel = load<f32>(valueLevels + at)
  let levelLevel = load<f32>(levelLevels + at)
  let ahead = better
  let pass = 1
  while (true) {
    if (ahead == 0) {
      // The end of a pass in which something changed.
      if (better == 0 || ++pass > passes) break
      ahead = better
    }
    const index = <usize>ctz(ahead)
    const value = load<f32>(src + (index << 2))
    const level = load<f32>(levels + (index << 2))
    const importance: f32 = value * value
    const weighted: f32 = importance * value
    const restValue: f32 = valueLevel - weighted * level
    const restLevel: f32 = levelLevel - importance * level * level
    const next = <f32>max(min(nearestInt((value * restLevel) / restValue), 3), -4)
    store<f32>(levels + (index << 2), next)
    valueLevel = restValue + weighted * next
    levelLevel = restLevel + importance * next * next
    better = improvements(src, levels, valueLevel, levelLevel)
    ahead = better & (-2 << (<i32>index))
  }
  store<f32>(valueLevels + at, valueLevel)
  store<f32>(levelLevels + at, levelLevel)
}
