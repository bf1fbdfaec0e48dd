/**
 * The best split of a sub-block of 16 weights (IQ1_M), whose first and second eight may be shifted each its own way:
 * bit 1 of the shift says that the first are shifted down, bit 0 the second.
 *
 * Sums are kept apart for the halves. With the values v, v + 1 and v + 2, Σ importance · weight · value of a split is
 * (v + 2) · all − (those before the first) − (those before the second place); the squares go alike.
 */
import { bestShift, betterSplits, forgetSplits, trySplit } from './best-split'
import { closePlaces, placeSquares, promisingPlaces, raiseByFirst } from './halves-filter'
import { before, greatestProducts, greatestSquares, raiseByBest, setExtent, setThreshold } from './split-filter'
import { importances, order, sortWeights } from './three-way-split'

const elements: usize = 16
/** 17 places to divide at, filled up for whole vectors that begin anywhere. */
const halfBytes: usize = 80

/** Greatest value, and the steps of the squares from low to middle and from middle to high, shifted up and down. */
const highUp: f32 = 1.125
const highDown: f32 = 0.875
const lowStepUp: f32 = 0.75
const highStepUp: f32 = -1.25
const lowStepDown: f32 = 1.25
const highStepDown: f32 = -0.75

/** For each half Σ importance · weight and Σ importance of the first so many sorted weights. */
const products: usize = memory.data(160, 16)
const sums: usize = memory.data(160, 16)
/** The sums of importances times {@link highStepUp} and {@link highStepDown}. */
const stepsUp: usize = memory.data(160, 16)
const stepsDown: usize = memory.data(160, 16)

const results: usize = memory.data(128, 16)

/**
 * What each weight adds to the four sums, products of the first and the second half, then importances of the first and
 * the second half: a vector for each, of which the lanes of the other half are 0 and stay so.
 */
const terms: usize = memory.data(256, 16)
/** The four sums by place. */
const sumsByPlace: usize = memory.data(320, 16)

/** Σ |importance · weight| */
let extent: f32 = 0

function setTerms(src: usize): void {
  let all = f32x4.splat(0)
  for (let at: usize = 0; at < elements << 2; at += 16) {
    const importance = v128.load(importances + at)
    const product = f32x4.mul(importance, v128.load(src + at))
    all = f32x4.add(all, f32x4.abs(product))
    const dst = terms + (at << 2) + (at >= 32 ? 4 : 0)
    v128.store_lane<f32>(dst, product, 0)
    v128.store_lane<f32>(dst, product, 1, 16)
    v128.store_lane<f32>(dst, product, 2, 32)
    v128.store_lane<f32>(dst, product, 3, 48)
    v128.store_lane<f32>(dst, importance, 0, 8)
    v128.store_lane<f32>(dst, importance, 1, 24)
    v128.store_lane<f32>(dst, importance, 2, 40)
    v128.store_lane<f32>(dst, importance, 3, 56)
  }
  const pairs = f32x4.add(all, v128.shuffle<i32>(all, all, 2, 3, 0, 1))
  extent = f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1)
}

function addUp(src: usize): void {
  setTerms(src)
  let four = f32x4.splat(0)
  v128.store(sumsByPlace, four)
  for (let j: usize = 0; j < elements; j++) {
    four = f32x4.add(four, v128.load(terms + (load<usize>(order + (j << 2)) << 4)))
    v128.store(sumsByPlace + (j << 4), four, 16)
  }
  for (let at: usize = 0; at < halfBytes; at += 16) {
    const row0 = v128.load(sumsByPlace + (at << 2))
    const row1 = v128.load(sumsByPlace + (at << 2), 16)
    const row2 = v128.load(sumsByPlace + (at << 2), 32)
    const row3 = v128.load(sumsByPlace + (at << 2), 48)
    const products01 = v128.shuffle<i32>(row0, row1, 0, 4, 1, 5)
    const products23 = v128.shuffle<i32>(row2, row3, 0, 4, 1, 5)
    const sums01 = v128.shuffle<i32>(row0, row1, 2, 6, 3, 7)
    const sums23 = v128.shuffle<i32>(row2, row3, 2, 6, 3, 7)
    v128.store(products + at, v128.shuffle<i64>(products01, products23, 0, 2))
    v128.store(products + at, v128.shuffle<i64>(products01, products23, 1, 3), halfBytes)
    v128.store(sums + at, v128.shuffle<i64>(sums01, sums23, 0, 2))
    v128.store(sums + at, v128.shuffle<i64>(sums01, sums23, 1, 3), halfBytes)
  }
  for (let at: usize = 0; at < 2 * halfBytes; at += 16) {
    const own = v128.load(sums + at)
    v128.store(stepsUp + at, f32x4.mul(own, f32x4.splat(highStepUp)))
    v128.store(stepsDown + at, f32x4.mul(own, f32x4.splat(highStepDown)))
  }
}

/** The splits with the same first place and four second ones; one by one only where one is the best so far. */
function tryGroup(first: usize, second: usize): void {
  const at0 = first << 2
  const at1 = at0 + halfBytes
  const end = elements << 2
  const own0 = v128.load32_splat(products + at0)
  const own1 = v128.load32_splat(products + at1)
  const all0 = load<f32>(products + end)
  const all1 = load<f32>(products + end, halfBytes)
  const sum0 = load<f32>(sums + end)
  const sum1 = load<f32>(sums + end, halfBytes)
  const low0 = load<f32>(sums + at0)
  const low1 = load<f32>(sums + at1)
  const up0 = f32x4.splat(all0 * highUp)
  const up1 = f32x4.splat(all1 * highUp)
  const down0 = f32x4.splat(all0 * highDown)
  const down1 = f32x4.splat(all1 * highDown)
  const upSquare0 = f32x4.splat(sum0 * highUp * highUp + low0 * lowStepUp)
  const upSquare1 = f32x4.splat(sum1 * highUp * highUp + low1 * lowStepUp)
  const downSquare0 = f32x4.splat(sum0 * highDown * highDown + low0 * lowStepDown)
  const downSquare1 = f32x4.splat(sum1 * highDown * highDown + low1 * lowStepDown)
  const at = second << 2
  const both0 = f32x4.add(own0, v128.load(products + at))
  const both1 = f32x4.add(own1, v128.load(products + at, halfBytes))
  const u0 = f32x4.sub(up0, both0)
  const u1 = f32x4.sub(up1, both1)
  const d0 = f32x4.sub(down0, both0)
  const d1 = f32x4.sub(down1, both1)
  const us0 = f32x4.add(upSquare0, v128.load(stepsUp + at))
  const us1 = f32x4.add(upSquare1, v128.load(stepsUp + at, halfBytes))
  const ds0 = f32x4.add(downSquare0, v128.load(stepsDown + at))
  const ds1 = f32x4.add(downSquare1, v128.load(stepsDown + at, halfBytes))
  const product0 = f32x4.add(u0, u1)
  const product1 = f32x4.add(u0, d1)
  const product2 = f32x4.add(d0, u1)
  const product3 = f32x4.add(d0, d1)
  const square0 = f32x4.add(us0, us1)
  const square1 = f32x4.add(us0, ds1)
  const square2 = f32x4.add(ds0, us1)
  const square3 = f32x4.add(ds0, ds1)
  const better0 = betterSplits(product0, square0)
  const better1 = betterSplits(product1, square1)
  const better2 = betterSplits(product2, square2)
  const better3 = betterSplits(product3, square3)
  if (!v128.any_true(v128.or(v128.or(better0, better1), v128.or(better2, better3)))) return
  v128.store(results, product0)
  v128.store(results, product1, 16)
  v128.store(results, product2, 32)
  v128.store(results, product3, 48)
  v128.store(results, square0, 64)
  v128.store(results, square1, 80)
  v128.store(results, square2, 96)
  v128.store(results, square3, 112)
  const bytes = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(better0, better1), i16x8.narrow_i32x4_s(better2, better3))
  // By place and then by shift, as llama.cpp goes.
  tryEach(
    first,
    second,
    i8x16.bitmask(i8x16.swizzle(bytes, i8x16(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15))),
  )
}

/**
 * Those of {@link results} from the first with a bit in `better` on. Not only those with a bit: the score that is kept of
 * one is rounded, and may be below that of the best before; then one that was no better may be the next to be taken.
 */
function tryEach(first: usize, second: usize, better: u32): void {
  const count = <u32>min<usize>(4, elements + 1 - second)
  const there: u32 = (1 << (4 * count)) - 1
  const found = better & there
  // All bits from the lowest of `found` on.
  for (let left = there & (0 - (found & (0 - found))); left != 0; left &= left - 1) {
    const lane = <usize>ctz(left) >> 2
    const shift = <usize>ctz(left) & 3
    const at = results + (lane << 2) + (shift << 4)
    trySplit(load<f32>(at), load<f32>(at, 64), first, second + lane, <i32>shift)
  }
}

/** The tables of ./halves-filter. */
function setFilter(): void {
  const end = elements << 2
  for (let shift: usize = 0; shift < 4; shift++) {
    const high0: f32 = (shift & 2) != 0 ? highDown : highUp
    const high1: f32 = (shift & 1) != 0 ? highDown : highUp
    const product: f32 = high0 * load<f32>(products + end) + high1 * load<f32>(products + end, halfBytes)
    const square: f32 = high0 * high0 * load<f32>(sums + end) + high1 * high1 * load<f32>(sums + end, halfBytes)
    store<f32>(greatestProducts + (shift << 2), product)
    store<f32>(greatestSquares + (shift << 2), square)
  }
  for (let at: usize = 0; at <= end; at += 16) {
    const up0 = v128.load(stepsUp + at)
    const up1 = v128.load(stepsUp + at, halfBytes)
    const down0 = v128.load(stepsDown + at)
    const down1 = v128.load(stepsDown + at, halfBytes)
    v128.store(before + at, f32x4.add(v128.load(products + at), v128.load(products + at, halfBytes)))
    setPlaces(at >> 2, f32x4.add(up0, up1), f32x4.add(up0, down1), f32x4.add(down0, up1), f32x4.add(down0, down1))
  }
  closePlaces()
}

/** The squares of four places from `place` on, given by shift. */
function setPlaces(place: usize, both: v128, upDown: v128, downUp: v128, none: v128): void {
  const at = placeSquares + (place << 4)
  const low01 = v128.shuffle<i32>(both, upDown, 0, 4, 1, 5)
  const low23 = v128.shuffle<i32>(downUp, none, 0, 4, 1, 5)
  const high01 = v128.shuffle<i32>(both, upDown, 2, 6, 3, 7)
  const high23 = v128.shuffle<i32>(downUp, none, 2, 6, 3, 7)
  v128.store(at, v128.shuffle<i64>(low01, low23, 0, 2))
  v128.store(at, v128.shuffle<i64>(low01, low23, 1, 3), 16)
  v128.store(at, v128.shuffle<i64>(high01, high23, 0, 2), 32)
  v128.store(at, v128.shuffle<i64>(high01, high23, 1, 3), 48)
}

function tryAll(): void {
  for (let first: usize = 0; first <= elements; first++) {
    for (let second = first; second <= elements; second += 4) tryGroup(first, second)
  }
}

/** Those that ./halves-filter lets through; false if it cannot tell. */
function tryPromising(): bool {
  setFilter()
  raiseByFirst(5)
  raiseByFirst(6)
  if (!setThreshold(elements)) return false
  for (let first: usize = 0; first <= elements; first++) {
    let found = promisingPlaces(first)
    if (found == 0) continue
    for (; found != 0; found &= found - 1) tryGroup(first, first + ((<usize>ctz(found)) << 2))
    raiseByBest(elements)
  }
  return true
}

/** Searches all splits; whether one was found (./best-split). */
export function searchHalvesSplit(src: usize): bool {
  sortWeights(src, elements)
  addUp(src)
  forgetSplits()
  const end = elements << 2
  if (!setExtent(extent, load<f32>(sums + end) + load<f32>(sums + end, halfBytes)) || !tryPromising()) tryAll()
  return bestShift >= 0
}
