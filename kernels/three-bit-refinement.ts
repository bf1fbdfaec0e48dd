/**
 * The refinement of Q3_K: up to five passes over the 16 levels of a sub-block, in which a level changes where that
 * lessens the error, the others fixed. After a change all later decisions rest on new sums, so changes come one after
 * the other; but each time all 16 weights are asked at once, and the first one ahead that says yes changes.
 */

/** Of each sub-block Σ importance · value · level and Σ importance · level², f32; importance is value². */
export const valueLevels: usize = memory.data(64, 16)
export const levelLevels: usize = memory.data(64, 16)

const passes = 5

/**
 * For finite weights whose Σ importance·value·level is below this, no weight is above 10^10, all quotients below stay
 * within ±2^22, and rounding after limiting is the same as ggml's limiting after rounding.
 */
const largeSum: f32 = 1e30

/** Constants are loaded because V8 builds a v128 constant anew, in three instructions, wherever it stands in a loop. */
const roundings: usize = memory.data<f32>([12582912, 12582912, 12582912, 12582912], 16)
const mostLevels: usize = memory.data<f32>([3, 3, 3, 3], 16)
const leastLevels: usize = memory.data<f32>([-4, -4, -4, -4], 16)
/** For `nearest_int`: mantissa mask and bias, and the limits −4 and 3 as integers. */
const mantissas: usize = memory.data<i32>([0x7fffff, 0x7fffff, 0x7fffff, 0x7fffff], 16)
const biases: usize = memory.data<i32>([0x400000, 0x400000, 0x400000, 0x400000], 16)
const mostIntegers: usize = memory.data<i32>([3, 3, 3, 3], 16)
const leastIntegers: usize = memory.data<i32>([-4, -4, -4, -4], 16)

/**
 * Writes the first levels of the sub-block at `src` to `levels`, sixteen f32, and tells whether any of them, the others
 * fixed, would be nearer elsewhere: a quick test before {@link refineRow}. `at` is the byte offset of its sums.
 */
export function moves(src: usize, levels: usize, inverseScale: f32, at: usize): bool {
  const rounding = v128.load(roundings)
  const most = v128.load(mostLevels)
  const least = v128.load(leastLevels)
  const inverse = f32x4.splat(inverseScale)
  const valueLevel = v128.load32_splat(valueLevels + at)
  const levelLevel = v128.load32_splat(levelLevels + at)
  let any = f32x4.gt(valueLevel, f32x4.splat(largeSum))
  for (const end = src + 64; src < end; src += 16) {
    const value = v128.load(src)
    const level = f32x4.pmin(f32x4.sub(f32x4.add(f32x4.mul(inverse, value), rounding), rounding), most)
    v128.store(levels, level)
    levels += 16
    const importance = f32x4.mul(value, value)
    const restValue = f32x4.sub(valueLevel, f32x4.mul(f32x4.mul(importance, value), level))
    const restLevel = f32x4.sub(levelLevel, f32x4.mul(f32x4.mul(importance, level), level))
    const ideal = f32x4.div(f32x4.mul(value, restLevel), restValue)
    const limited = f32x4.pmax(f32x4.pmin(ideal, most), least)
    const next = f32x4.sub(f32x4.add(limited, rounding), rounding)
    any = v128.or(any, v128.and(f32x4.gt(restValue, f32x4.splat(0)), f32x4.ne(next, level)))
  }
  return v128.any_true(any)
}

/** For each weight of a row the level it would change to, and the sums that this would give. */
const nexts: usize = memory.data(64, 16)
const nextValues: usize = memory.data(64, 16)
const nextLevels: usize = memory.data(64, 16)

/** One bit per weight of the row: whether changing its level alone lessens the error, under these sums. */
function improvements(src: usize, levels: usize, valueSum: f32, levelSum: f32): i32 {
  const zero = f32x4.splat(0)
  const rounding = v128.load(roundings)
  const mantissa = v128.load(mantissas)
  const bias = v128.load(biases)
  const most = v128.load(mostIntegers)
  const least = v128.load(leastIntegers)
  const valueLevel = f32x4.splat(valueSum)
  const levelLevel = f32x4.splat(levelSum)
  const square = f32x4.splat(valueSum * valueSum)
  let better = 0
  for (let at: usize = 0; at < 64; at += 16) {
    const value = v128.load(src + at)
    const level = v128.load(levels + at)
    const importance = f32x4.mul(value, value)
    const weighted = f32x4.mul(importance, value)
    const restValue = f32x4.sub(valueLevel, f32x4.mul(weighted, level))
    const restLevel = f32x4.sub(levelLevel, f32x4.mul(f32x4.mul(importance, level), level))
    const shifted = f32x4.add(f32x4.div(f32x4.mul(value, restLevel), restValue), rounding)
    const rounded = i32x4.sub(v128.and(shifted, mantissa), bias)
    const next = f32x4.convert_i32x4_s(i32x4.max_s(i32x4.min_s(rounded, most), least))
    const nextValue = f32x4.add(restValue, f32x4.mul(weighted, next))
    const nextLevel = f32x4.add(restLevel, f32x4.mul(f32x4.mul(importance, next), next))
    v128.store(at, next, nexts)
    v128.store(at, nextValue, nextValues)
    v128.store(at, nextLevel, nextLevels)
    const gains = f32x4.gt(f32x4.mul(f32x4.mul(nextValue, nextValue), levelLevel), f32x4.mul(square, nextLevel))
    const differs = v128.and(f32x4.gt(f32x4.pmin(restValue, nextLevel), zero), f32x4.ne(next, level))
    better |= i32x4.bitmask(v128.and(differs, gains)) << (<i32>at >> 2)
  }
  return better
}

/**
 * Changes the `levels` of the sub-block at `src`, and its sums at offset `at`, until a pass finds nothing to change or
 * the passes are used up. A question asked under sums that have not changed since has the same answer, so that one
 * answer serves for the rest of a pass and for the start of the next.
 */
export function refineRow(src: usize, levels: usize, at: usize): void {
  let valueLevel = load<f32>(valueLevels + at)
  let levelLevel = load<f32>(levelLevels + at)
  let ahead = 0xffff
  let pass = 1
  while (true) {
    const better = improvements(src, levels, valueLevel, levelLevel)
    ahead &= better
    if (ahead == 0) {
      if (better == 0 || ++pass > passes) break
      ahead = better
    }
    const index = <usize>ctz(ahead)
    const change = index << 2
    store<f32>(levels + change, load<f32>(nexts + change))
    valueLevel = load<f32>(nextValues + change)
    levelLevel = load<f32>(nextLevels + change)
    ahead = -2 << (<i32>index)
  }
  store<f32>(valueLevels + at, valueLevel)
  store<f32>(levelLevels + at, levelLevel)
}
