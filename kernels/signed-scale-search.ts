/**
 * The search behind Q6_K (`make_qx_quants` of ggml with nmax 32): each sub-block of 16 tries 19 inverse scales around
 * −32 / extreme and keeps the one with the least error, values counted by their squares.
 */
import { clearColumns, columns, groupBytes, loadColumns, zeroBelow } from './groups-of-16'

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

/** The numerators of the inverse scales but the middle one: −(32 + 0.1 · step), step −9…9, with ggml's f32 roundings. */
const numerators: usize = memory.data<f32>(
  [
    -31.100000381469727, -31.200000762939453, -31.299999237060547, -31.399999618530273, -31.5, -31.600000381469727,
    -31.700000762939453, -31.799999237060547, -31.899999618530273, -32.099998474121094, -32.20000076293945,
    -32.29999923706055, -32.400001525878906, -32.5, -32.599998474121094, -32.70000076293945, -32.79999923706055,
    -32.900001525878906,
  ],
  16,
)

/** Loaded, because V8 builds a v128 constant anew, in three instructions, wherever it stands in a loop. */
const roundings: usize = memory.data<f32>([12582912, 12582912, 12582912, 12582912], 16)

/**
 * What each of the 19 candidates has come to, the middle one first: for each group 48 bytes, four lanes of each: its
 * inverse scale, Σ importance·value·level and Σ importance·level².
 */
const tries: usize = memory.data(3648, 16)
const triesOfOne: usize = 192
const triesEnd: usize = tries + 19 * triesOfOne
/** Of each sub-block all ones where it is more than zero. */
const alive: usize = memory.data(64, 16)

/** Fits the 16 sub-blocks at `src`: writes {@link scales} and {@link inverses}. */
export function fitSignedScales(src: usize): void {
  let any = false
  for (let group: usize = 0; group < 4; group++) {
    any = tryAll(src + group * groupBytes, group << 4, tries + group * 48) || any
  }
  if (any) {
    chooseBest(tries, 0)
    chooseBest(tries + 96, 32)
  } else {
    memory.fill(scales, 0, 64)
    memory.fill(inverses, 0, 64)
  }
}

/** Fills the {@link tries} of four sub-blocks at `src`, numbers `at` / 4 and so on; false if all of them are zero. */
function tryAll(src: usize, at: usize, to: usize): bool {
  const extreme = loadColumns(src)
  const isAlive = f32x4.ge(f32x4.abs(extreme), f32x4.splat(zeroBelow))
  v128.store(alive + at, isAlive)
  // What is left of the superblock before may stay: nothing of it is kept for zeros.
  if (!v128.any_true(isAlive)) return false
  if (!i32x4.all_true(isAlive)) clearColumns(isAlive)
  setInverses(extreme, to + triesOfOne)
  prepare(extreme, f32x4.div(f32x4.splat(-32), extreme), to)
  tryOthers(to + triesOfOne)
  return true
}

/** Fills {@link elements} and tries the middle candidate. */
function prepare(extreme: v128, inverse: v128, to: usize): void {
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
  for (let at = elements; at < elementsEnd; at += 64) {
    const value = v128.load(from)
    const limited = f32x4.pmin(f32x4.pmax(value, lowEarly), highEarly)
    const importance = f32x4.mul(value, value)
    const weighted = f32x4.mul(importance, value)
    v128.store(at, limited, limitedEarly)
    v128.store(at, f32x4.pmin(f32x4.pmax(value, lowLate), highLate), limitedLate)
    v128.store(at, importance, 32)
    v128.store(at, weighted, 48)
    const level = f32x4.sub(f32x4.add(f32x4.mul(inverse, limited), rounding), rounding)
    valueLevel = f32x4.add(valueLevel, f32x4.mul(weighted, level))
    levelLevel = f32x4.add(levelLevel, f32x4.mul(f32x4.mul(importance, level), level))
    from += 16
  }
  v128.store(to, inverse)
  storeSums(to, valueLevel, levelLevel)
}

function storeSums(to: usize, valueLevel: v128, levelLevel: v128): void {
  v128.store(to, valueLevel, 16)
  v128.store(to, levelLevel, 32)
}

/** The inverse scales of the other 18 candidates: all at once, so that no division is waited for. */
function setInverses(extreme: v128, to: usize): void {
  for (let at: usize = 0; at < 72; at += 4) {
    v128.store(to, f32x4.div(v128.load32_splat(numerators + at), extreme))
    to += triesOfOne
  }
}

/** Tries them, three at a time: they are independent, and share the loads. */
function tryOthers(to: usize): void {
  const rounding = v128.load(roundings)
  const zero = f32x4.splat(0)
  for (let first = to; to < triesEnd; to += 3 * triesOfOne) {
    let from = elements + (to < first + 9 * triesOfOne ? limitedEarly : limitedLate)
    const inverse0 = v128.load(to)
    const inverse1 = v128.load(to, triesOfOne)
    const inverse2 = v128.load(to, 2 * triesOfOne)
    let valueLevel0 = zero
    let valueLevel1 = zero
    let valueLevel2 = zero
    let levelLevel0 = zero
    let levelLevel1 = zero
    let levelLevel2 = zero
    for (let at = elements; at < elementsEnd; at += 64) {
      const value = v128.load(from)
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
      from += 64
    }
    storeSums(to, valueLevel0, levelLevel0)
    storeSums(to + triesOfOne, valueLevel1, levelLevel1)
    storeSums(to + 2 * triesOfOne, valueLevel2, levelLevel2)
  }
}

/**
 * The best candidate of each sub-block, groups side by side and without a branch: whether a candidate is the best so
 * far is as good as random. (Σ importance·value·level)² / Σ importance·level² is compared with the best without
 * dividing, as ggml does. It also asks whether Σ importance·level² is above 0: that it is where there is anything.
 */
function chooseBest(from: usize, at: usize): void {
  let leftScale = firstScale(from)
  let leftBest = f32x4.mul(leftScale, v128.load(from, 16))
  let leftInverse = v128.load(from)
  let rightScale = firstScale(from + 48)
  let rightBest = f32x4.mul(rightScale, v128.load(from, 64))
  let rightInverse = v128.load(from, 48)
  for (from += triesOfOne; from < triesEnd; from += triesOfOne) {
    const leftValue = v128.load(from, 16)
    const leftLevel = v128.load(from, 32)
    const leftWins = f32x4.gt(f32x4.mul(leftValue, leftValue), f32x4.mul(leftBest, leftLevel))
    const leftNext = f32x4.div(leftValue, leftLevel)
    leftScale = v128.bitselect(leftNext, leftScale, leftWins)
    leftBest = v128.bitselect(f32x4.mul(leftNext, leftValue), leftBest, leftWins)
    leftInverse = v128.bitselect(v128.load(from), leftInverse, leftWins)
    const rightValue = v128.load(from, 64)
    const rightLevel = v128.load(from, 80)
    const rightWins = f32x4.gt(f32x4.mul(rightValue, rightValue), f32x4.mul(rightBest, rightLevel))
    const rightNext = f32x4.div(rightValue, rightLevel)
    rightScale = v128.bitselect(rightNext, rightScale, rightWins)
    rightBest = v128.bitselect(f32x4.mul(rightNext, rightValue), rightBest, rightWins)
    rightInverse = v128.bitselect(v128.load(from, 48), rightInverse, rightWins)
  }
  v128.store(scales + at, v128.and(leftScale, v128.load(alive + at)))
  v128.store(inverses + at, v128.and(leftInverse, v128.load(alive + at)))
  v128.store(scales + at, v128.and(rightScale, v128.load(alive + at, 16)), 16)
  v128.store(inverses + at, v128.and(rightInverse, v128.load(alive + at, 16)), 16)
}

/** The scale of the middle candidate; 0 where all levels are. */
function firstScale(from: usize): v128 {
  const levelLevel = v128.load(from, 32)
  return v128.andnot(f32x4.div(v128.load(from, 16), levelLevel), f32x4.eq(levelLevel, f32x4.splat(0)))
}
