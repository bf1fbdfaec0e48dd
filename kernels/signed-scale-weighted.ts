/**
 * The search of Q3_K, Q6_K, Q4_0 and Q5_0 with an importance matrix (`make_qx_quants` of ggml with weights): value ≈
 * scale · level with level in −top…top − 1. Of 19 inverse scales around −top / extreme the one with the least error
 * wins, each squared error counting as given. Four sub-blocks of 16 or 32 values side by side, one per lane.
 */
import { zeroBelow } from './groups-of-16'

/** Of the four sub-blocks the scale found, f32, and the inverse scale that gives the levels; 0 for zeros. */
export const foundScales: usize = memory.data(16, 16)
export const foundInverses: usize = memory.data(16, 16)

/** Candidates below and above the middle one. */
const reach: i32 = 9

/** Per element 48 bytes, four lanes of each: the value, how much its error counts, and both multiplied. */
const elements: usize = memory.data(1536, 16)
const elementBytes: usize = 48
let elementsEnd: usize = elements

/** Σ count · value · level and Σ count · level² of the three candidates last tried. */
const products: usize = memory.data(48, 16)
const squares: usize = memory.data(48, 16)
/** (Σ count · value · level)² / Σ count · level² of the best candidate. */
const best: usize = memory.data(16, 16)

/** Whether all `bytes` of f32 at `src` are as good as zero. */
function isTiny(src: usize, bytes: usize): bool {
  let most = f32x4.splat(0)
  for (const end = src + bytes; src < end; src += 32) {
    most = f32x4.pmax(most, f32x4.pmax(f32x4.abs(v128.load(src)), f32x4.abs(v128.load(src, 16))))
  }
  return i32x4.all_true(f32x4.lt(most, f32x4.splat(zeroBelow)))
}

/** Four rows of `row` bytes, one per lane, into every 48th byte from `dst`: transposed four by four. */
function loadRows(src: usize, row: usize, dst: usize): void {
  for (const end = src + row; src < end; src += 16) {
    const row0 = v128.load(src)
    const row1 = v128.load(src + row)
    const row2 = v128.load(src + 2 * row)
    const row3 = v128.load(src + 3 * row)
    const low01 = v128.shuffle<i32>(row0, row1, 0, 4, 1, 5)
    const low23 = v128.shuffle<i32>(row2, row3, 0, 4, 1, 5)
    const high01 = v128.shuffle<i32>(row0, row1, 2, 6, 3, 7)
    const high23 = v128.shuffle<i32>(row2, row3, 2, 6, 3, 7)
    v128.store(dst, v128.shuffle<i64>(low01, low23, 0, 2))
    v128.store(dst, v128.shuffle<i64>(low01, low23, 1, 3), 48)
    v128.store(dst, v128.shuffle<i64>(high01, high23, 0, 2), 96)
    v128.store(dst, v128.shuffle<i64>(high01, high23, 1, 3), 144)
    dst += 4 * elementBytes
  }
}

/** Of each lane the first value with the largest magnitude; 0 where all are zero. */
function extremes(): v128 {
  let extreme = f32x4.splat(0)
  let magnitude = f32x4.splat(0)
  for (let at = elements; at < elementsEnd; at += elementBytes) {
    const value = v128.load(at)
    const larger = f32x4.gt(f32x4.abs(value), magnitude)
    magnitude = v128.bitselect(f32x4.abs(value), magnitude, larger)
    extreme = v128.bitselect(value, extreme, larger)
  }
  return extreme
}

/** Lanes that are not `alive` become 0, so that no denormal slows the search. */
function prepare(alive: v128): void {
  for (let at = elements; at < elementsEnd; at += elementBytes) {
    const value = v128.and(v128.load(at), alive)
    v128.store(at, value)
    v128.store(at, f32x4.mul(v128.load(at, 16), value), 32)
  }
}

/** Loaded, because V8 builds a v128 constant anew, in three instructions, wherever it stands in a loop. */
const roundings: usize = memory.data<f32>([12582912, 12582912, 12582912, 12582912], 16)

/** The level of four values; |inverse · value| is below top + 1, so that float rounding is exact. */
function levelOf(value: v128, inverse: v128, rounding: v128, low: v128, high: v128): v128 {
  const level = f32x4.sub(f32x4.add(f32x4.mul(inverse, value), rounding), rounding)
  return f32x4.pmax(f32x4.pmin(level, high), low)
}

/** Fills {@link products} and {@link squares} for three inverse scales, which share the loads. */
function tryThree(inverse0: v128, inverse1: v128, inverse2: v128, top: f32): void {
  const rounding = v128.load(roundings)
  const low = f32x4.splat(-top)
  const high = f32x4.splat(top - 1)
  let product0 = f32x4.splat(0)
  let product1 = f32x4.splat(0)
  let product2 = f32x4.splat(0)
  let square0 = f32x4.splat(0)
  let square1 = f32x4.splat(0)
  let square2 = f32x4.splat(0)
  for (let at = elements; at < elementsEnd; at += elementBytes) {
    const value = v128.load(at)
    const count = v128.load(at, 16)
    const weighted = v128.load(at, 32)
    const level0 = levelOf(value, inverse0, rounding, low, high)
    product0 = f32x4.add(product0, f32x4.mul(weighted, level0))
    square0 = f32x4.add(square0, f32x4.mul(f32x4.mul(count, level0), level0))
    const level1 = levelOf(value, inverse1, rounding, low, high)
    product1 = f32x4.add(product1, f32x4.mul(weighted, level1))
    square1 = f32x4.add(square1, f32x4.mul(f32x4.mul(count, level1), level1))
    const level2 = levelOf(value, inverse2, rounding, low, high)
    product2 = f32x4.add(product2, f32x4.mul(weighted, level2))
    square2 = f32x4.add(square2, f32x4.mul(f32x4.mul(count, level2), level2))
  }
  v128.store(products, product0)
  v128.store(products, product1, 16)
  v128.store(products, product2, 32)
  v128.store(squares, square0)
  v128.store(squares, square1, 16)
  v128.store(squares, square2, 32)
}

/** The middle candidate is the first fit, without a comparison. */
function fitFirst(inverse: v128, top: f32): void {
  const rounding = v128.load(roundings)
  const low = f32x4.splat(-top)
  const high = f32x4.splat(top - 1)
  let product = f32x4.splat(0)
  let square = f32x4.splat(0)
  for (let at = elements; at < elementsEnd; at += elementBytes) {
    const level = levelOf(v128.load(at), inverse, rounding, low, high)
    product = f32x4.add(product, f32x4.mul(v128.load(at, 32), level))
    square = f32x4.add(square, f32x4.mul(f32x4.mul(v128.load(at, 16), level), level))
  }
  const scale = v128.andnot(f32x4.div(product, square), f32x4.eq(square, f32x4.splat(0)))
  v128.store(foundScales, scale)
  v128.store(foundInverses, inverse)
  v128.store(best, f32x4.mul(scale, product))
}

/** Keeps the candidate at offset `at` of those tried where it is better. */
function keepBetter(at: usize, inverse: v128): void {
  const product = v128.load(products + at)
  const square = v128.load(squares + at)
  const wins = v128.and(
    f32x4.gt(square, f32x4.splat(0)),
    f32x4.gt(f32x4.mul(product, product), f32x4.mul(v128.load(best), square)),
  )
  if (!v128.any_true(wins)) return
  const scale = f32x4.div(product, square)
  v128.store(foundScales, v128.bitselect(scale, v128.load(foundScales), wins))
  v128.store(foundInverses, v128.bitselect(inverse, v128.load(foundInverses), wins))
  v128.store(best, v128.bitselect(f32x4.mul(scale, product), v128.load(best), wins))
}

/** The inverse scales of all candidates but the middle one. */
const inverses: usize = memory.data(288, 16)
const inversesEnd: usize = inverses + 288

/** Candidates −9…9 with ggml's f32 roundings: all at once, so that no division is waited for. */
function setInverses(extreme: v128, top: f32): void {
  let at = inverses
  for (let step = -reach; step <= reach; step++) {
    if (step == 0) continue
    v128.store(at, f32x4.div(f32x4.splat(-(top + <f32>0.1 * <f32>step)), extreme))
    at += 16
  }
}

function search(extreme: v128, top: f32): void {
  setInverses(extreme, top)
  fitFirst(f32x4.div(f32x4.splat(-top), extreme), top)
  for (let at = inverses; at < inversesEnd; at += 48) {
    tryThree(v128.load(at), v128.load(at, 16), v128.load(at, 32), top)
    keepBetter(0, v128.load(at))
    keepBetter(16, v128.load(at, 16))
    keepBetter(32, v128.load(at, 32))
  }
}

/**
 * Fits the four sub-blocks of `count` f32 at `src`, whose errors count as the f32 at `counts` say: writes
 * {@link foundScales} and {@link foundInverses}.
 */
export function fitSignedWeighted(src: usize, counts: usize, count: i32, top: f32): void {
  if (isTiny(src, (<usize>count) << 4)) {
    v128.store(foundScales, f32x4.splat(0))
    v128.store(foundInverses, f32x4.splat(0))
    return
  }
  elementsEnd = elements + <usize>count * elementBytes
  loadRows(src, (<usize>count) << 2, elements)
  const extreme = extremes()
  const alive = f32x4.ge(f32x4.abs(extreme), f32x4.splat(zeroBelow))
  loadRows(counts, (<usize>count) << 2, elements + 16)
  prepare(alive)
  search(extreme, top)
  v128.store(foundScales, v128.and(alive, v128.load(foundScales)))
  v128.store(foundInverses, v128.and(alive, v128.load(foundInverses)))
}
