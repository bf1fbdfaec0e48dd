/**
 * Q3_K with an importance matrix quantizes the scales of a superblock's sub-blocks by a search too: value ≈ unit ·
 * number with numbers −32…31, each squared error counting as much as all the errors of its sub-block
 * (`make_qx_quants` of ggml). As there are 16 values only, the 19 candidates stand side by side, one per lane, and each
 * lane adds up the values one after the other.
 */
import { largestOf16, zeroBelow } from './groups-of-16'
import { nearestInt, nearestInts } from './nearest'

const top: i32 = 32
const candidates: usize = 19
/** Bytes of one f32 per candidate, in whole vectors. */
const laneBytes: usize = 80

/** Of each candidate the inverse unit, Σ count · value · number and Σ count · number². */
const inverses: usize = memory.data(80, 16)
const products: usize = memory.data(80, 16)
const squares: usize = memory.data(80, 16)

/** Candidate 0 makes the extreme −32; then come −31.1 … −31.9 and −32.1 … −32.9. */
function setInverses(extreme: f32): void {
  for (let i: i32 = 0; i < <i32>candidates; i++) {
    const step = i == 0 ? 0 : i < 10 ? i - 10 : i - 9
    store<f32>(inverses + ((<usize>i) << 2), -(<f32>top + <f32>0.1 * <f32>step) / extreme)
  }
}

function numbersOf(value: v128, inverse: v128): v128 {
  const number = nearestInts(f32x4.mul(inverse, value))
  return i32x4.max_s(i32x4.min_s(number, i32x4.splat(top - 1)), i32x4.splat(-top))
}

function tryFour(values: usize, counts: usize, at: usize): void {
  const inverse = v128.load(inverses + at)
  let product = f32x4.splat(0)
  let square = f32x4.splat(0)
  for (let i: usize = 0; i < 64; i += 4) {
    const value = v128.load32_splat(values + i)
    const count = v128.load32_splat(counts + i)
    const number = f32x4.convert_i32x4_s(numbersOf(value, inverse))
    product = f32x4.add(product, f32x4.mul(f32x4.mul(count, value), number))
    square = f32x4.add(square, f32x4.mul(f32x4.mul(count, number), number))
  }
  v128.store(products + at, product)
  v128.store(squares + at, square)
}

/**
 * Quantizes 16 f32 at `values`, which count as the f32 at `counts` say, to one signed byte each at `numbers`.
 * @returns the unit; 0 where all values are as good as zero, and the numbers are then −32
 */
export function fitSignedScalesOf16(values: usize, counts: usize, numbers: usize): f32 {
  const extreme = largestOf16(values)
  if (Mathf.abs(extreme) < zeroBelow) {
    v128.store(numbers, i8x16.splat(<i8>-top))
    return 0
  }
  setInverses(extreme)
  for (let at: usize = 0; at < laneBytes; at += 16) tryFour(values, counts, at)
  const firstSquare = load<f32>(squares)
  let unit: f32 = firstSquare != 0 ? load<f32>(products) / firstSquare : 0
  let best: f32 = unit * load<f32>(products)
  let inverse = load<f32>(inverses)
  for (let at: usize = 4; at < candidates << 2; at += 4) {
    const product = load<f32>(products + at)
    const square = load<f32>(squares + at)
    if (!(square > 0 && product * product > best * square)) continue
    unit = product / square
    best = unit * product
    inverse = load<f32>(inverses + at)
  }
  for (let i: usize = 0; i < 16; i++) {
    const number = nearestInt(inverse * load<f32>(values + (i << 2)))
    store<i8>(numbers + i, <i8>max<i32>(-top, min<i32>(top - 1, number)))
  }
  return unit
}
