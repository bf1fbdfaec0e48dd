/**
 * The search behind Q6_K (`make_qx_quants` of ggml with nmax 32): each sub-block of 16 tries 19 inverse scales around
 * −32 / extreme and keeps the one with the least error, values counted by their squares.
 */
import { clearColumns, columns, loadColumns, zeroBelow } from './groups-of-16'

/** Of each sub-block of the superblock the scale found, f32; 0 where all weights are as good as zero. */
export const scales: usize = memory.data(64, 16)
/** Of each sub-block the inverse scale that gave the levels, f32; 0 where all levels are 0. */
export const inverses: usize = memory.data(64, 16)

/**
 * Per element of the group 64 bytes, four lanes of each: the value limited for the first ten candidates, limited for
 * the last nine, the importance (value²), and importance · value.
 */
const elements: usize = memory.data(1024, 16)
const elementsEnd: usize = elements + 1024
const limitedEarly: usize = 0
const limitedLate: usize = 16

/**
 * Levels are limited to −32…31, which costs up to two operations per value and candidate. It is cheaper to limit the
 * values once. With t = |value / extreme| ≤ 1 and candidate factor f (31.1…32.9) the level is f·t rounded, negative
 * for values on the extreme's side:
 * - opposite side, f ≤ 32.0: a value with t > 0.9825 becomes t = 0.9825, so that f·t is in 30.55…31.44: level 31;
 *   unlimited it would have been above 30.55, hence 31 or limited to 31.
 * - opposite side, f ≥ 32.1: t = 0.954 gives 30.62…31.39, level 31 as well.
 * - extreme's side, f ≤ 32.0: never beyond −32. f ≥ 32.1: t = 0.985 gives 31.61…32.41: level −32; unlimited it would
 *   have been above 31.61, hence −32 or limited to −32.
 * All limits are far enough from n + ½ for the rounding errors of f32 not to matter.
 */
const oppositeEarly: f32 = -0.9825
const oppositeLate: f32 = -0.954
const sameLate: f32 = 0.985

/** Candidate `step` of ggml's loop, −9…9: the numerator of the inverse scale, with ggml's f32 roundings. */
function numerator(step: i32): v128 {
  return f32x4.splat(-(<f32>32 + <f32>0.1 * <f32>step))
}

/** Fits the four sub-blocks at `src`, number `group` of the superblock: writes {@link scales} and {@link inverses}. */
export function fitSignedScales(src: usize, group: usize): void {
  const extreme = loadColumns(src)
  const alive = f32x4.ge(f32x4.abs(extreme), f32x4.splat(zeroBelow))
  const at = group << 4
  if (!v128.any_true(alive)) {
    v128.store(scales + at, f32x4.splat(0))
    v128.store(inverses + at, f32x4.splat(0))
    return
  }
  if (!i32x4.all_true(alive)) clearColumns(alive)
  const first = f32x4.div(f32x4.splat(-32), extreme)
  prepare(extreme, first)
  search(extreme, first)
  v128.store(scales + at, v128.and(alive, v128.load(found)))
  v128.store(inverses + at, v128.and(alive, v128.load(found, 16)))
}

/** Loaded, because V8 builds a v128 constant anew, in three instructions, wherever it stands in a loop. */
const roundings: usize = memory.data<f32>([12582912, 12582912, 12582912, 12582912], 16)

/** Results of {@link prepare} (Σ importance·value·level, Σ importance·level²) and of {@link search} (scale, inverse). */
const found: usize = memory.data(32, 16)

/** Fills {@link elements} and evaluates the middle candidate. */
function prepare(extreme: v128, inverse: v128): void {
  const rounding = v128.load(roundings)
  const early = f32x4.mul(extreme, f32x4.splat(oppositeEarly))
  const lowEarly = f32x4.pmin(early, extreme)
  const highEarly = f32x4.pmax(early, extreme)
  const opposite = f32x4.mul(extreme, f32x4.splat(oppositeLate))
  const same = f32x4.mul(extreme, f32x4.splat(sameLate))
  const lowLate = f32x4.pmin(opposite, same)
  const highLate = f32x4.pmax(opposite, same)
  let valueLevel = f32x4.splat(0)
  let levelLevel = f32x4.splat(0)
  let from = columns
  for (let to = elements; to < elementsEnd; to += 64) {
    const value = v128.load(from)
    const limited = f32x4.pmin(f32x4.pmax(value, lowEarly), highEarly)
    const importance = f32x4.mul(value, value)
    const weighted = f32x4.mul(importance, value)
    v128.store(to, limited, limitedEarly)
    v128.store(to, f32x4.pmin(f32x4.pmax(value, lowLate), highLate), limitedLate)
    v128.store(to, importance, 32)
    v128.store(to, weighted, 48)
    const level = f32x4.sub(f32x4.add(f32x4.mul(inverse, limited), rounding), rounding)
    valueLevel = f32x4.add(valueLevel, f32x4.mul(weighted, level))
    levelLevel = f32x4.add(levelLevel, f32x4.mul(f32x4.mul(importance, level), level))
    from += 16
  }
  v128.store(found, valueLevel)
  v128.store(found, levelLevel, 16)
}

/** Tries the other 18 candidates, three at a time: they are independent, and share the loads. */
function search(extreme: v128, first: v128): void {
  const rounding = v128.load(roundings)
  const zero = f32x4.splat(0)
  const valueLevel = v128.load(found)
  const levelLevel = v128.load(found, 16)
  let scale = v128.andnot(f32x4.div(valueLevel, levelLevel), f32x4.eq(levelLevel, zero))
  let best = f32x4.mul(scale, valueLevel)
  let winner = first
  for (let step = -9; step <= 9; step += 3) {
    let limited = limitedEarly
    if (step >= 0) {
      limited = limitedLate
      if (step == 0) step = 1
    }
    const inverse0 = f32x4.div(numerator(step), extreme)
    const inverse1 = f32x4.div(numerator(step + 1), extreme)
    const inverse2 = f32x4.div(numerator(step + 2), extreme)
    let valueLevel0 = zero
    let valueLevel1 = zero
    let valueLevel2 = zero
    let levelLevel0 = zero
    let levelLevel1 = zero
    let levelLevel2 = zero
    for (let at = elements; at < elementsEnd; at += 64) {
      const value = v128.load(at + limited)
      const importance = v128.load(at, 32)
      const weighted = v128.load(at, 48)
      const level0 = f32x4.sub(f32x4.add(f32x4.mul(inverse0, value), rounding), rounding)
      valueLevel0 = f32x4.add(valueLevel0, f32x4.mul(weighted, level0))
      levelLevel0 = f32x4.add(levelLevel0, f32x4.mul(f32x4.mul(importance, level0), level0))
      const level1 = f32x4.sub(f32x4.add(f32x4.mul(inverse1, value), rounding), rounding)
      valueLevel1 = f32x4.add(valueLevel1, f32x4.mul(weighted, level1))
      levelLevel1 = f32x4.add(levelLevel1, f32x4.mul(f32x4.mul(importance, level1), level1))
      const level2 = f32x4.sub(f32x4.add(f32x4.mul(inverse2, value), rounding), rounding)
      valueLevel2 = f32x4.add(valueLevel2, f32x4.mul(weighted, level2))
      levelLevel2 = f32x4.add(levelLevel2, f32x4.mul(f32x4.mul(importance, level2), level2))
    }
    let wins = betters(valueLevel0, levelLevel0, best)
    if (v128.any_true(wins)) {
      scale = v128.bitselect(f32x4.div(valueLevel0, levelLevel0), scale, wins)
      best = v128.bitselect(f32x4.mul(scale, valueLevel0), best, wins)
      winner = v128.bitselect(inverse0, winner, wins)
    }
    wins = betters(valueLevel1, levelLevel1, best)
    if (v128.any_true(wins)) {
      scale = v128.bitselect(f32x4.div(valueLevel1, levelLevel1), scale, wins)
      best = v128.bitselect(f32x4.mul(scale, valueLevel1), best, wins)
      winner = v128.bitselect(inverse1, winner, wins)
    }
    wins = betters(valueLevel2, levelLevel2, best)
    if (v128.any_true(wins)) {
      scale = v128.bitselect(f32x4.div(valueLevel2, levelLevel2), scale, wins)
      best = v128.bitselect(f32x4.mul(scale, valueLevel2), best, wins)
      winner = v128.bitselect(inverse2, winner, wins)
    }
  }
  v128.store(found, scale)
  v128.store(found, winner, 16)
}

/** Whether (Σ importance·value·level)² / Σ importance·level² exceeds `best`, without dividing, as ggml asks it. */
function betters(valueLevel: v128, levelLevel: v128, best: v128): v128 {
  return v128.and(
    f32x4.gt(levelLevel, f32x4.splat(0)),
    f32x4.gt(f32x4.mul(valueLevel, valueLevel), f32x4.mul(best, levelLevel)),
  )
}
