/**
 * The search behind Q3_K (`make_q3_quants` of ggml with nmax 4): levels −4…3 by the inverse scale −4 / extreme, then
 * passes in which single levels change where that lessens the error (./three-bit-refinement), values counted by their
 * squares. Here eight sub-blocks stand side by side, one per lane of a left and a right vector, as in ./octet.
 */
import { rowBytes, zeroBelow } from './groups-of-16'
import { entryBytes, loadOctet, right } from './octet'
import { levelLevels, refineRows, rowsAtOnce, valueLevels, wishes } from './three-bit-refinement'

/** Superblocks fitted at once: enough that there are always some sub-blocks to refine side by side. */
export const superblocksAtOnce: i32 = rowsAtOnce / 16

/** Of each sub-block the scale found, f32; 0 where all weights are as good as zero. */
export const scales: usize = memory.data(1024, 16)
/** Of each sub-block the inverse scale that gave its first levels, f32; 0 where all weights are as good as zero. */
export const inverses: usize = memory.data(1024, 16)

/**
 * Sixteen entries of the values, then of the first levels, of importance · value · level and of importance · level²;
 * importance is value².
 */
const octet: usize = memory.data(2048, 16)
const octetEnd: usize = octet + 16 * entryBytes
const levelAt: usize = 512
const valueLevelAt: usize = 1024
const levelLevelAt: usize = 1536

/** Loaded, because V8 builds a v128 constant anew, in three instructions, wherever it stands in a loop. */
const roundings: usize = memory.data<f32>([12582912, 12582912, 12582912, 12582912], 16)
const mostLevels: usize = memory.data<f32>([3, 3, 3, 3], 16)
const leastLevels: usize = memory.data<f32>([-4, -4, -4, -4], 16)

/**
 * For finite weights whose Σ importance·value·level is below this, no weight is above 10^10, all quotients below stay
 * within ±2^22, and rounding after limiting is the same as ggml's limiting after rounding.
 */
const largeSum: f32 = 1e30

/** Of sub-blocks fitted by importance: none has been refined. */
export function forgetWishes(): void {
  memory.fill(wishes, 0, rowBytes)
}

/** Whether sub-block `row` of those fitted has been refined: its levels are among those of ./three-bit-refinement. */
export function isRefined(row: usize): bool {
  return load<i32>(wishes + (row << 2)) != 0
}

/** Fits the sub-blocks of up to {@link superblocksAtOnce} superblocks at `src`. */
export function fitThreeBits(src: usize, superblocks: i32): void {
  const end = (<usize>superblocks) << 6
  for (let at: usize = 0; at < end; at += 32) {
    loadOctet(octet, src + (at << 4), 16)
    if (takeExtremes(at)) {
      takeFirstLevels(at)
      findWishes(octet, at)
      findWishes(octet + right, at + 16)
    }
  }
  refineRows(src, superblocks << 4, inverses)
  for (let at: usize = 0; at < end; at += 16) {
    const levelLevel = v128.load(levelLevels + at)
    const positive = f32x4.gt(levelLevel, f32x4.splat(0))
    v128.store(scales + at, v128.and(positive, f32x4.div(v128.load(valueLevels + at), levelLevel)))
  }
}

/** Of four lanes the first value with the largest magnitude; `first` is the address of their first value. */
function firstExtreme(first: usize, magnitude: v128): v128 {
  let extreme = f32x4.splat(0)
  for (let at = first + 15 * entryBytes; at >= first; at -= entryBytes) {
    const value = v128.load(at)
    extreme = v128.bitselect(value, extreme, f32x4.eq(f32x4.abs(value), magnitude))
  }
  return extreme
}

/** The inverse scale of four lanes from the greatest and the least value (both at least 0 in magnitude). */
function inverseOf(first: usize, high: v128, low: v128): v128 {
  const depth = f32x4.neg(low)
  let extreme = v128.bitselect(high, low, f32x4.gt(high, depth))
  if (v128.any_true(f32x4.eq(high, depth))) extreme = firstExtreme(first, f32x4.pmax(high, depth))
  const alive = f32x4.ge(f32x4.abs(extreme), f32x4.splat(zeroBelow))
  if (!i32x4.all_true(alive)) {
    // No denormal shall slow the search.
    for (let at = first; at < first + 16 * entryBytes; at += entryBytes) v128.store(at, v128.and(v128.load(at), alive))
  }
  return v128.and(alive, f32x4.div(f32x4.splat(-4), extreme))
}

/** {@link inverses} of the eight sub-blocks whose results are at offset `at`; false if all of them are zero. */
function takeExtremes(at: usize): bool {
  let leftHigh = f32x4.splat(0)
  let leftLow = f32x4.splat(0)
  let rightHigh = f32x4.splat(0)
  let rightLow = f32x4.splat(0)
  for (let entry = octet; entry < octetEnd; entry += 2 * entryBytes) {
    const left = v128.load(entry)
    const leftNext = v128.load(entry, entryBytes)
    const rightward = v128.load(entry, right)
    const rightNext = v128.load(entry, entryBytes + right)
    leftHigh = f32x4.pmax(leftHigh, f32x4.pmax(left, leftNext))
    leftLow = f32x4.pmin(leftLow, f32x4.pmin(left, leftNext))
    rightHigh = f32x4.pmax(rightHigh, f32x4.pmax(rightward, rightNext))
    rightLow = f32x4.pmin(rightLow, f32x4.pmin(rightward, rightNext))
  }
  const leftInverse = inverseOf(octet, leftHigh, leftLow)
  const rightInverse = inverseOf(octet + right, rightHigh, rightLow)
  v128.store(inverses + at, leftInverse)
  v128.store(inverses + at, rightInverse, 16)
  if (v128.any_true(v128.or(leftInverse, rightInverse))) return true
  memory.fill(valueLevels + at, 0, 32)
  memory.fill(levelLevels + at, 0, 32)
  memory.fill(wishes + at, 0, 32)
  return false
}

/** The first levels and the sums under them. */
function takeFirstLevels(at: usize): void {
  const leftInverse = v128.load(inverses + at)
  const rightInverse = v128.load(inverses + at, 16)
  const rounding = v128.load(roundings)
  const most = v128.load(mostLevels)
  let leftValues = f32x4.splat(0)
  let leftLevels = f32x4.splat(0)
  let rightValues = f32x4.splat(0)
  let rightLevels = f32x4.splat(0)
  for (let entry = octet; entry < octetEnd; entry += entryBytes) {
    // −4 needs no limit: inverse · value is −4 at the extreme, give or take a rounding, and nearer to 0 elsewhere.
    const left = v128.load(entry)
    const leftLevel = f32x4.pmin(f32x4.sub(f32x4.add(f32x4.mul(leftInverse, left), rounding), rounding), most)
    const leftImportance = f32x4.mul(left, left)
    const leftValueLevel = f32x4.mul(f32x4.mul(leftImportance, left), leftLevel)
    const leftLevelLevel = f32x4.mul(f32x4.mul(leftImportance, leftLevel), leftLevel)
    v128.store(entry, leftLevel, levelAt)
    v128.store(entry, leftValueLevel, valueLevelAt)
    v128.store(entry, leftLevelLevel, levelLevelAt)
    leftValues = f32x4.add(leftValues, leftValueLevel)
    leftLevels = f32x4.add(leftLevels, leftLevelLevel)
    const rightward = v128.load(entry, right)
    const rightLevel = f32x4.pmin(f32x4.sub(f32x4.add(f32x4.mul(rightInverse, rightward), rounding), rounding), most)
    const rightImportance = f32x4.mul(rightward, rightward)
    const rightValueLevel = f32x4.mul(f32x4.mul(rightImportance, rightward), rightLevel)
    const rightLevelLevel = f32x4.mul(f32x4.mul(rightImportance, rightLevel), rightLevel)
    v128.store(entry, rightLevel, levelAt + right)
    v128.store(entry, rightValueLevel, valueLevelAt + right)
    v128.store(entry, rightLevelLevel, levelLevelAt + right)
    rightValues = f32x4.add(rightValues, rightValueLevel)
    rightLevels = f32x4.add(rightLevels, rightLevelLevel)
  }
  v128.store(valueLevels + at, leftValues)
  v128.store(valueLevels + at, rightValues, 16)
  v128.store(levelLevels + at, leftLevels)
  v128.store(levelLevels + at, rightLevels, 16)
}

/** Entry i: bit i in each lane. */
const bits: usize = memory.data<i32>(
  [
    1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16, 32, 32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 128,
    256, 256, 256, 256, 512, 512, 512, 512, 1024, 1024, 1024, 1024, 2048, 2048, 2048, 2048, 4096, 4096, 4096, 4096,
    8192, 8192, 8192, 8192, 16384, 16384, 16384, 16384, 32768, 32768, 32768, 32768,
  ],
  16,
)

/**
 * Which weights of four sub-blocks would be nearer with another level, the others fixed: all are asked against the same
 * sums. Four
 * sub-blocks of five have none, and their first levels are final.
 *
 * Where Σ importance·value·level is not positive, none can change: then the extreme is positive, all terms of the sum
 * are ≤ 0, and what remains of a rounded sum without one of them is not above 0, as a change requires.
 */
function findWishes(lanes: usize, at: usize): void {
  const zero = f32x4.splat(0)
  const values = v128.load(valueLevels + at)
  const positive = f32x4.gt(values, zero)
  if (!v128.any_true(positive)) {
    v128.store(wishes + at, zero)
    return
  }
  const rounding = v128.load(roundings)
  const most = v128.load(mostLevels)
  const least = v128.load(leastLevels)
  const squares = v128.load(levelLevels + at)
  let found = v128.and(f32x4.gt(values, f32x4.splat(largeSum)), i32x4.splat(0xffff))
  let bit = bits
  for (const end = lanes + 16 * entryBytes; lanes < end; lanes += entryBytes) {
    const restValue = f32x4.sub(values, v128.load(lanes, valueLevelAt))
    const restLevel = f32x4.sub(squares, v128.load(lanes, levelLevelAt))
    const ideal = f32x4.div(f32x4.mul(v128.load(lanes), restLevel), restValue)
    const limited = f32x4.pmax(f32x4.pmin(ideal, most), least)
    const next = f32x4.sub(f32x4.add(limited, rounding), rounding)
    const differs = v128.and(f32x4.gt(restValue, zero), f32x4.ne(next, v128.load(lanes, levelAt)))
    found = v128.or(found, v128.and(differs, v128.load(bit)))
    bit += 16
  }
  v128.store(wishes + at, v128.and(found, positive))
}
