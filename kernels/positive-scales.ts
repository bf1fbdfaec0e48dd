/**
 * With an importance matrix, the scales of a superblock's sub-blocks are themselves quantized by a search, and so are
 * the minimums: value ≈ unit · number with numbers 0…top, each squared error counting as much as all the errors of its
 * sub-block. The operations of `make_qp_quants` of ggml in their order; the number of values is a multiple of four.
 */
import { nearestInt, nearestInts } from './nearest'

/** Greatest values below this make all numbers 0. */
const tiny: f32 = 1e-15
/** Passes of the refinement. */
const passes: i32 = 5

/** Σ count · number · value and Σ count · number² of the numbers found. */
let products: f32 = 0
let squares: f32 = 0

/** The greatest value or 0, by C's `MAX`: what follows a NaN takes its place. */
function greatestOf(values: usize, bytes: usize): f32 {
  let greatest: f32 = 0
  for (let at: usize = 0; at < bytes; at += 4) {
    const value = load<f32>(values + at)
    greatest = greatest > value ? greatest : value
  }
  return greatest
}

/** Σ count · error² of the candidates 1 / `inverse`, one in each lane. */
function errorsOf(values: usize, counts: usize, bytes: usize, inverse: v128, top: i32): v128 {
  const units = f32x4.div(f32x4.splat(1), inverse)
  const most = i32x4.splat(top)
  let sum = f32x4.splat(0)
  for (let at: usize = 0; at < bytes; at += 4) {
    const value = v128.load32_splat(values + at)
    const number = f32x4.convert_i32x4_s(i32x4.min_s(most, nearestInts(f32x4.mul(inverse, value))))
    const off = f32x4.sub(value, f32x4.mul(units, number))
    sum = f32x4.add(sum, f32x4.mul(f32x4.mul(v128.load32_splat(counts + at), off), off))
  }
  return sum
}

/** The same of the first one, whose numbers ggml does not limit but cuts to 8 bits. */
function firstError(values: usize, counts: usize, bytes: usize, inverse: f32): f32 {
  const unit: f32 = 1 / inverse
  let sum: f32 = 0
  for (let at: usize = 0; at < bytes; at += 4) {
    const value = load<f32>(values + at)
    const off: f32 = value - unit * <f32>(nearestInt(inverse * value) & 0xff)
    sum += load<f32>(counts + at) * off * off
  }
  return sum
}

/** Candidates and their errors. */
const candidates: usize = memory.data(32, 16)
const errors: usize = memory.data(32, 16)

function bestInverse(values: usize, counts: usize, bytes: usize, greatest: f32, top: i32): f32 {
  let inverse: f32 = <f32>top / greatest
  let best = firstError(values, counts, bytes, inverse)
  for (let half: usize = 0; half < 32; half += 16) {
    const offsets = f32x4.mul(f32x4.splat(0.1), half == 0 ? f32x4(-4, -3, -2, -1) : f32x4(1, 2, 3, 4))
    const four = f32x4.div(f32x4.add(offsets, f32x4.splat(<f32>top)), f32x4.splat(greatest))
    v128.store(candidates + half, four)
    v128.store(errors + half, errorsOf(values, counts, bytes, four, top))
  }
  for (let at: usize = 0; at < 32; at += 4) {
    const error = load<f32>(errors + at)
    if (!(error < best)) continue
    best = error
    inverse = load<f32>(candidates + at)
  }
  return inverse
}

/** Writes the numbers of the best candidate, and adds up {@link products} and {@link squares}. */
function takeNumbers(values: usize, counts: usize, bytes: usize, numbers: usize, inverse: f32, top: i32): void {
  products = 0
  squares = 0
  for (let at: usize = 0; at < bytes; at += 4) {
    const value = load<f32>(values + at)
    const count = load<f32>(counts + at)
    const number = min<i32>(top, nearestInt(inverse * value))
    store<u8>(numbers + (at >> 2), <u8>number)
    products += count * value * <f32>number
    squares += count * <f32>number * <f32>number
  }
}

/** A bit for each of four values that would be given another number as the sums are now. */
function wouldChange(values: usize, counts: usize, numbers: usize, top: i32): u32 {
  const value = v128.load(values)
  const count = v128.load(counts)
  const number = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(numbers)))
  const old = f32x4.convert_i32x4_s(number)
  const part = f32x4.mul(count, value)
  const otherProducts = f32x4.sub(f32x4.splat(products), f32x4.mul(part, old))
  const otherSquares = f32x4.sub(f32x4.splat(squares), f32x4.mul(f32x4.mul(count, old), old))
  const next = i32x4.min_s(i32x4.splat(top), nearestInts(f32x4.div(f32x4.mul(value, otherSquares), otherProducts)))
  const positive = v128.and(f32x4.gt(otherProducts, f32x4.splat(0)), f32x4.gt(otherSquares, f32x4.splat(0)))
  return i32x4.bitmask(v128.and(positive, i32x4.ne(next, number)))
}

/** Four values one after the other; how many were given another number. */
function refineFour(values: usize, counts: usize, numbers: usize, top: i32): i32 {
  let changes = 0
  let left = wouldChange(values, counts, numbers, top)
  while (left != 0) {
    const lane = <usize>ctz(left)
    const at = lane << 2
    left &= left - 1
    if (!refine(load<f32>(values + at), load<f32>(counts + at), numbers + lane, top)) continue
    changes++
    // The sums have changed: those behind are looked at anew.
    left = wouldChange(values, counts, numbers, top) & (0xfffffffe << (<u32>lane))
  }
  return changes
}

/** Gives one value the number that is best beside all the others; true if that is another one. */
function refine(value: f32, count: f32, number: usize, top: i32): bool {
  const old = <f32>load<u8>(number)
  let otherProducts: f32 = products - count * value * old
  let otherSquares: f32 = squares - count * old * old
  if (!(otherProducts > 0 && otherSquares > 0)) return false
  const next = min<i32>(top, nearestInt((value * otherSquares) / otherProducts))
  if (next == <i32>load<u8>(number)) return false
  otherProducts += count * value * <f32>next
  otherSquares += count * <f32>next * <f32>next
  if (!(otherProducts * otherProducts * squares > products * products * otherSquares)) return false
  store<u8>(number, <u8>next)
  products = otherProducts
  squares = otherSquares
  return true
}

/**
 * Quantizes `length` f32 at `values`, which count as the f32 at `counts` say, to one byte each at `numbers`.
 * @returns the unit
 */
export function fitPositive(values: usize, counts: usize, length: i32, numbers: usize, top: i32): f32 {
  const bytes = (<usize>length) << 2
  const greatest = greatestOf(values, bytes)
  if (greatest < tiny) {
    memory.fill(numbers, 0, length)
    return 0
  }
  const inverse = bestInverse(values, counts, bytes, greatest, top)
  takeNumbers(values, counts, bytes, numbers, inverse, top)
  for (let pass = 0; pass < passes; pass++) {
    let changes = 0
    for (let at: usize = 0; at < bytes; at += 16) {
      changes += refineFour(values + at, counts + at, numbers + (at >> 2), top)
    }
    if (changes == 0) break
  }
  return squares > 0 ? products / squares : 0
}
