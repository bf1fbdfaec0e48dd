/**
 * With an importance matrix, the scales of a superblock's sub-blocks are themselves quantized by a search, and so are
 * the minimums: value ≈ unit · number with numbers 0…top, each squared error counting as much as all the errors of its
 * sub-block. The operations of `make_qp_quants` of ggml in their order; scalar, as there are 8 or 16 values only.
 */
import { nearestInt } from './nearest'

/** Greatest values below this make all numbers 0. */
const tiny: f32 = 1e-15
/** Candidates below and above the unit that makes the greatest value `top`, and passes of the refinement. */
const reach: i32 = 4
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

/** Σ count · error² of the candidate 1 / `inverse`. */
function errorOf(values: usize, counts: usize, bytes: usize, inverse: f32, top: i32): f32 {
  const unit: f32 = 1 / inverse
  let sum: f32 = 0
  for (let at: usize = 0; at < bytes; at += 4) {
    const value = load<f32>(values + at)
    const off: f32 = value - unit * <f32>min<i32>(top, nearestInt(inverse * value))
    sum += load<f32>(counts + at) * off * off
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

function bestInverse(values: usize, counts: usize, bytes: usize, greatest: f32, top: i32): f32 {
  let inverse: f32 = <f32>top / greatest
  let best = firstError(values, counts, bytes, inverse)
  for (let step = -reach; step <= reach; step++) {
    if (step == 0) continue
    const candidate: f32 = (<f32>0.1 * <f32>step + <f32>top) / greatest
    const error = errorOf(values, counts, bytes, candidate, top)
    if (!(error < best)) continue
    best = error
    inverse = candidate
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
    for (let at: usize = 0; at < bytes; at += 4) {
      changes += i32(refine(load<f32>(values + at), load<f32>(counts + at), numbers + (at >> 2), top))
    }
    if (changes == 0) break
  }
  return squares > 0 ? products / squares : 0
}
