/**
 * The refinement of Q3_K: up to five passes over the 16 levels of a sub-block, in which a level changes where that
 * lessens the error, the others fixed. After a change all later decisions rest on new sums, so changes come one after
 * the other; but each time all 16 weights are asked at once whether they want another level, and the first one ahead
 * that does is then tried for itself.
 *
 * An answer takes long (a division, and a chain of operations behind it), and what waits for it keeps other work out
 * of the processor. So many sub-blocks take turns, and each step is taken for all of them before the next one. Nothing
 * branches on an answer, which no processor can predict.
 */

/** Sub-blocks refined at once, at most. */
export const rowsAtOnce: i32 = 256

/** Of each sub-block Σ importance · value · level and Σ importance · level², f32; importance is value². */
export const valueLevels: usize = memory.data(1024, 16)
export const levelLevels: usize = memory.data(1024, 16)
/** Of each sub-block which of its weights want another level than the first, a bit each, i32; 0: it stays as it is. */
export const wishes: usize = memory.data(1024, 16)
/** Of each sub-block that does not its levels, sixteen f32. */
export const refinedLevels: usize = memory.data(16384, 16)

const passes: i32 = 5

/** Of each sub-block being refined the weights ahead in this pass, a bit each, and the number of the pass; i32. */
const aheads: usize = memory.data(1024, 16)
const passNumbers: usize = memory.data(1024, 16)

/**
 * The sub-blocks not finished yet, in their order; i32: the byte offset of the sums of each, which of its weights want
 * another level, and the byte offset of the weight to try. (Up to three more are written than count.)
 */
const open: usize = memory.data(1040, 16)
const wanting: usize = memory.data(1040, 16)
const places: usize = memory.data(1040, 16)

/** Constants are loaded because V8 builds a v128 constant anew, in three instructions, wherever it stands in a loop. */
const roundings: usize = memory.data<f32>([12582912, 12582912, 12582912, 12582912], 16)
const mostLevels: usize = memory.data<f32>([3, 3, 3, 3], 16)
/** For `nearest_int`: mantissa mask and bias, and the limits −4 and 3 as integers. */
const mantissas: usize = memory.data<i32>([0x7fffff, 0x7fffff, 0x7fffff, 0x7fffff], 16)
const biases: usize = memory.data<i32>([0x400000, 0x400000, 0x400000, 0x400000], 16)
const mostIntegers: usize = memory.data<i32>([3, 3, 3, 3], 16)
const leastIntegers: usize = memory.data<i32>([-4, -4, -4, -4], 16)

/** One bit per weight of the row: whether it would be nearer with another level, the others fixed. */
function askRow(src: usize, levels: usize, at: usize): i32 {
  const zero = f32x4.splat(0)
  const rounding = v128.load(roundings)
  const mantissa = v128.load(mantissas)
  const bias = v128.load(biases)
  const most = v128.load(mostIntegers)
  const least = v128.load(leastIntegers)
  const valueLevel = v128.load32_splat(valueLevels + at)
  const levelLevel = v128.load32_splat(levelLevels + at)
  let differing = 0
  for (let side: usize = 0; side < 64; side += 32) {
    const leftValue = v128.load(src + side)
    const leftLevel = v128.load(levels + side)
    const leftWeighted = f32x4.mul(f32x4.mul(leftValue, leftValue), leftLevel)
    const leftCubed = f32x4.mul(f32x4.mul(leftValue, leftValue), leftValue)
    const leftRest = f32x4.sub(valueLevel, f32x4.mul(leftCubed, leftLevel))
    const leftRestLevel = f32x4.sub(levelLevel, f32x4.mul(leftWeighted, leftLevel))
    const leftIdeal = f32x4.add(f32x4.div(f32x4.mul(leftValue, leftRestLevel), leftRest), rounding)
    const leftNearest = i32x4.sub(v128.and(leftIdeal, mantissa), bias)
    const leftNext = f32x4.convert_i32x4_s(i32x4.max_s(i32x4.min_s(leftNearest, most), least))
    const leftDiffers = v128.and(f32x4.gt(leftRest, zero), f32x4.ne(leftNext, leftLevel))
    const rightValue = v128.load(src + side, 16)
    const rightLevel = v128.load(levels + side, 16)
    const rightWeighted = f32x4.mul(f32x4.mul(rightValue, rightValue), rightLevel)
    const rightCubed = f32x4.mul(f32x4.mul(rightValue, rightValue), rightValue)
    const rightRest = f32x4.sub(valueLevel, f32x4.mul(rightCubed, rightLevel))
    const rightRestLevel = f32x4.sub(levelLevel, f32x4.mul(rightWeighted, rightLevel))
    const rightIdeal = f32x4.add(f32x4.div(f32x4.mul(rightValue, rightRestLevel), rightRest), rounding)
    const rightNearest = i32x4.sub(v128.and(rightIdeal, mantissa), bias)
    const rightNext = f32x4.convert_i32x4_s(i32x4.max_s(i32x4.min_s(rightNearest, most), least))
    const rightDiffers = v128.and(f32x4.gt(rightRest, zero), f32x4.ne(rightNext, rightLevel))
    differing |= i16x8.bitmask(i16x8.narrow_i32x4_s(leftDiffers, rightDiffers)) << (<i32>side >> 2)
  }
  return differing
}

/** The first levels of the sub-block at `src` to `levels`. */
function takeFirstLevels(src: usize, levels: usize, inverseScale: f32): void {
  const rounding = v128.load(roundings)
  const most = v128.load(mostLevels)
  const inverse = f32x4.splat(inverseScale)
  for (let side: usize = 0; side < 64; side += 16) {
    const scaled = f32x4.mul(inverse, v128.load(src + side))
    v128.store(levels + side, f32x4.pmin(f32x4.sub(f32x4.add(scaled, rounding), rounding), most))
  }
}

/** Lists the sub-blocks with {@link wishes}; returns the bytes they take in each of the lists. */
function listRows(rows: i32): usize {
  let end: usize = 0
  for (let at: usize = 0; at < (<usize>rows) << 2; at += 4) {
    const wish = load<i32>(wishes + at)
    store<i32>(open + end, <i32>at)
    store<i32>(wanting + end, wish)
    end += (<usize>i32(wish != 0)) << 2
  }
  return end
}

/**
 * Chooses the weight to try of each sub-block: the first that wants another level and is ahead in this pass or, if
 * there is none, the first in the next pass. Drops those where none wants one, and those with no pass left.
 */
function choose(end: usize): usize {
  let kept: usize = 0
  for (let i: usize = 0; i < end; i += 4) {
    const at = <usize>load<i32>(open + i)
    const want = load<i32>(wanting + i)
    const left = load<i32>(aheads + at) & want
    const pass = load<i32>(passNumbers + at) + i32(left == 0)
    const next = left == 0 ? want : left
    const ahead = pass <= passes ? next : 0
    const index = ctz(ahead | 0x8000)
    store<i32>(passNumbers + at, pass)
    store<i32>(aheads + at, -2 << index)
    store<i32>(open + kept, <i32>at)
    store<i32>(places + kept, index << 2)
    kept += (<usize>i32(ahead != 0)) << 2
  }
  return kept
}

/** The f32 of four sub-blocks at `from` + their offsets. */
function gather(from: usize, at0: usize, at1: usize, at2: usize, at3: usize): v128 {
  const two = v128.load32_lane(from + at1, v128.load32_zero(from + at0), 1)
  return v128.load32_lane(from + at3, v128.load32_lane(from + at2, two, 2), 3)
}

function scatter(to: usize, at0: usize, at1: usize, at2: usize, at3: usize, values: v128): void {
  v128.store32_lane(to + at0, values, 0)
  v128.store32_lane(to + at1, values, 1)
  v128.store32_lane(to + at2, values, 2)
  v128.store32_lane(to + at3, values, 3)
}

/** Gives the weights chosen another level where that lessens the error: four sub-blocks at a time, one per lane. */
function tryChosen(src: usize, end: usize): void {
  // What fills up the last four is the last one again: it gets the same level and sums twice.
  const last = end - 4
  for (let i = end; (i & 15) != 0; i += 4) {
    store<i32>(open + i, load<i32>(open + last))
    store<i32>(places + i, load<i32>(places + last))
  }
  for (let i: usize = 0; i < end; i += 16) tryFour(src, i)
}

function tryFour(src: usize, i: usize): void {
  const zero = f32x4.splat(0)
  const at0 = <usize>load<i32>(open + i)
  const at1 = <usize>load<i32>(open + i, 4)
  const at2 = <usize>load<i32>(open + i, 8)
  const at3 = <usize>load<i32>(open + i, 12)
  const place0 = (at0 << 4) + <usize>load<i32>(places + i)
  const place1 = (at1 << 4) + <usize>load<i32>(places + i, 4)
  const place2 = (at2 << 4) + <usize>load<i32>(places + i, 8)
  const place3 = (at3 << 4) + <usize>load<i32>(places + i, 12)
  const valueLevel = gather(valueLevels, at0, at1, at2, at3)
  const levelLevel = gather(levelLevels, at0, at1, at2, at3)
  const value = gather(src, place0, place1, place2, place3)
  const level = gather(refinedLevels, place0, place1, place2, place3)
  const importance = f32x4.mul(value, value)
  const weighted = f32x4.mul(importance, value)
  const restValue = f32x4.sub(valueLevel, f32x4.mul(weighted, level))
  const restLevel = f32x4.sub(levelLevel, f32x4.mul(f32x4.mul(importance, level), level))
  const ideal = f32x4.add(f32x4.div(f32x4.mul(value, restLevel), restValue), v128.load(roundings))
  const rounded = i32x4.sub(v128.and(ideal, v128.load(mantissas)), v128.load(biases))
  const limited = i32x4.max_s(i32x4.min_s(rounded, v128.load(mostIntegers)), v128.load(leastIntegers))
  const next = f32x4.convert_i32x4_s(limited)
  const nextValue = f32x4.add(restValue, f32x4.mul(weighted, next))
  const nextLevel = f32x4.add(restLevel, f32x4.mul(f32x4.mul(importance, next), next))
  const square = f32x4.mul(valueLevel, valueLevel)
  const gains = f32x4.gt(f32x4.mul(f32x4.mul(nextValue, nextValue), levelLevel), f32x4.mul(square, nextLevel))
  const differs = v128.and(f32x4.gt(f32x4.pmin(restValue, nextLevel), zero), f32x4.ne(next, level))
  const changes = v128.and(differs, gains)
  scatter(refinedLevels, place0, place1, place2, place3, v128.bitselect(next, level, changes))
  scatter(valueLevels, at0, at1, at2, at3, v128.bitselect(nextValue, valueLevel, changes))
  scatter(levelLevels, at0, at1, at2, at3, v128.bitselect(nextLevel, levelLevel, changes))
}

/**
 * Refines those of `rows` sub-blocks at `src`, sixteen weights each, that have {@link wishes}: changes levels and sums
 * until a pass finds nothing to change or the passes are used up. A question asked under sums that have not changed
 * since has the same answer, so that one answer serves for the rest of a pass and for the start of the next. (Where a
 * weight wants another level that does not lessen the error, the passes go on without changing anything.)
 *
 * @param inverses of each sub-block the inverse scale that gives its first levels
 */
export function refineRows(src: usize, rows: i32, inverses: usize): void {
  let end = listRows(rows)
  for (let i: usize = 0; i < end; i += 4) {
    const at = <usize>load<i32>(open + i)
    takeFirstLevels(src + (at << 4), refinedLevels + (at << 4), load<f32>(inverses + at))
    store<i32>(aheads + at, 0xffff)
    store<i32>(passNumbers + at, 1)
  }
  for (end = choose(end); end > 0; end = choose(end)) {
    tryChosen(src, end)
    for (let i: usize = 0; i < end; i += 4) {
      const at = <usize>load<i32>(open + i)
      store<i32>(wanting + i, askRow(src + (at << 4), refinedLevels + (at << 4), at))
    }
  }
}
