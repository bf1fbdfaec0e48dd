/**
 * The best split of a sub-block of 32 weights that are all shifted the same way (IQ1_S): shift 0 is up, 1 is down.
 */
import { bestShift, betterSplits, forgetSplits, trySplit } from './best-split'
import {
  before,
  closeTables,
  greatestProducts,
  greatestSquares,
  promisingOfTwo,
  raiseByBest,
  raiseByRow,
  secondSquares,
  setExtent,
  setThreshold,
  tableBytes,
} from './split-filter'
import { delta, importances, order, sortWeights } from './three-way-split'

const elements: usize = 32

/** The shifts of ./best-split. */
export const up: i32 = 0
const down: i32 = 1

/** Σ importance · weight and Σ importance of the first so many weights; filled up for whole vectors. */
const productsTo: usize = memory.data(160, 16)
const importancesTo: usize = memory.data(160, 16)

/** Σ |importance · weight| */
let extent: f32 = 0

function addUp(src: usize): void {
  let product: f32 = 0
  let importance: f32 = 0
  extent = 0
  store<f32>(productsTo, 0)
  store<f32>(importancesTo, 0)
  for (let j: usize = 0; j < elements; j++) {
    const i = load<usize>(order + (j << 2)) << 2
    const own = load<f32>(importances + i)
    const weighted: f32 = own * load<f32>(src + i)
    product += weighted
    importance += own
    extent += abs(weighted)
    store<f32>(productsTo + (j << 2), product, 4)
    store<f32>(importancesTo + (j << 2), importance, 4)
  }
}

/** The tables of ./split-filter. */
function setFilter(): void {
  const all = load<f32>(productsTo + (elements << 2))
  const allImportances = load<f32>(importancesTo + (elements << 2))
  store<f32>(greatestProducts, all * (1 + delta))
  store<f32>(greatestProducts, all * (1 - delta), 4)
  store<f32>(greatestSquares, allImportances * (1 + delta) * (1 + delta))
  store<f32>(greatestSquares, allImportances * (1 - delta) * (1 - delta), 4)
  for (let at: usize = 0; at <= elements << 2; at += 16) {
    const sum = v128.load(importancesTo + at)
    v128.store(before + at, v128.load(productsTo + at))
    v128.store(secondSquares + at, f32x4.mul(sum, f32x4.splat(-1.25)))
    v128.store(secondSquares + at, f32x4.mul(sum, f32x4.splat(-0.75)), tableBytes)
  }
  closeTables(elements)
}

/**
 * What the high part adds to Σ importance · value · weight and to Σ importance · value² where the values are shifted up
 * and down, by the weight that it begins with.
 */
const highUp: usize = memory.data(160, 16)
const highUpSquare: usize = memory.data(160, 16)
const highDown: usize = memory.data(160, 16)
const highDownSquare: usize = memory.data(160, 16)

function squareOf(sum: v128, value: f32): v128 {
  return f32x4.mul(f32x4.mul(sum, f32x4.splat(value)), f32x4.splat(value))
}

function setHighParts(): void {
  const all = f32x4.splat(load<f32>(productsTo + (elements << 2)))
  const allImportances = f32x4.splat(load<f32>(importancesTo + (elements << 2)))
  for (let at: usize = 0; at <= elements << 2; at += 16) {
    const high = f32x4.sub(all, v128.load(productsTo + at))
    const highImportance = f32x4.sub(allImportances, v128.load(importancesTo + at))
    v128.store(highUp + at, f32x4.mul(high, f32x4.splat(1 + delta)))
    v128.store(highUpSquare + at, squareOf(highImportance, 1 + delta))
    v128.store(highDown + at, f32x4.mul(high, f32x4.splat(1 - delta)))
    v128.store(highDownSquare + at, squareOf(highImportance, 1 - delta))
  }
}

const results: usize = memory.data(64, 16)

/** The splits with the same first place and four second ones; one by one only where one is the best so far. */
function tryGroup(first: usize, second: usize): void {
  const from = v128.load32_splat(productsTo + (first << 2))
  const fromImportance = v128.load32_splat(importancesTo + (first << 2))
  const lowUp = f32x4.mul(from, f32x4.splat(delta - 1))
  const lowDown = f32x4.mul(from, f32x4.splat(-1 - delta))
  const lowUpSquare = squareOf(fromImportance, delta - 1)
  const lowDownSquare = squareOf(fromImportance, -1 - delta)
  const at = second << 2
  const middle = f32x4.mul(f32x4.sub(v128.load(productsTo + at), from), f32x4.splat(delta))
  // The same for both shifts, whose squares are the same to the bit.
  const middleSquare = squareOf(f32x4.sub(v128.load(importancesTo + at), fromImportance), delta)
  const upper = f32x4.add(f32x4.add(lowUp, middle), v128.load(highUp + at))
  const lower = f32x4.add(f32x4.sub(lowDown, middle), v128.load(highDown + at))
  const upSquare = f32x4.add(f32x4.add(lowUpSquare, middleSquare), v128.load(highUpSquare + at))
  const downSquare = f32x4.add(f32x4.add(lowDownSquare, middleSquare), v128.load(highDownSquare + at))
  if (!v128.any_true(v128.or(betterSplits(upper, upSquare), betterSplits(lower, downSquare)))) return
  v128.store(results, upper)
  v128.store(results, upSquare, 16)
  v128.store(results, lower, 32)
  v128.store(results, downSquare, 48)
  tryFour(first, second)
}

function tryFour(first: usize, second: usize): void {
  const count = min<usize>(4, elements + 1 - second)
  for (let lane: usize = 0; lane < count; lane++) {
    const at = results + (lane << 2)
    trySplit(load<f32>(at), load<f32>(at, 16), first, second + lane, up)
    trySplit(load<f32>(at, 32), load<f32>(at, 48), first, second + lane, down)
  }
}

function tryAll(): void {
  for (let first: usize = 0; first <= elements; first++) {
    for (let second = first; second <= elements; second += 4) tryGroup(first, second)
  }
}

/** Those that ./split-filter lets through; false if it cannot tell. */
function tryPromising(): bool {
  setFilter()
  raiseByRow(elements, 8)
  raiseByRow(elements, 12)
  if (!setThreshold(elements)) return false
  for (let first: usize = 0; first <= elements; first++) {
    let found = promisingOfTwo(elements, first)
    if (found == 0) continue
    for (; found != 0; found &= found - 1) tryGroup(first, first + ((<usize>ctz(found)) << 2))
    raiseByBest(elements)
  }
  return true
}

/** Searches all splits; whether one was found (./best-split). */
export function searchWholeSplit(src: usize): bool {
  sortWeights(src, elements)
  addUp(src)
  forgetSplits()
  setHighParts()
  if (!setExtent(extent, load<f32>(importancesTo + (elements << 2))) || !tryPromising()) tryAll()
  return bestShift >= 0
}
