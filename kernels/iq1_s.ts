/**
 * IQ1_S: superblocks of 256 weights in eight sub-blocks of 32; a half-precision scale, the low bytes of 32 grid rows,
 * and for each sub-block 16 bits: the upper three bits of its four rows, three of scale, and whether its values −1, 0,
 * 1 are shifted down (1) or up (0) by an eighth (50 bytes). Weight = scale · (2 · sub-block scale + 1) · value.
 */
import { bestScale, bestShift, betterSplits, firstSplit, forgetSplits, secondSplit, trySplit } from './best-split'
import { lost, markLost, meanSquare, scaleLevel, storeScale } from './grid-subblock'
import { floatFromHalf } from './half'
import {
  before,
  closeTables,
  greatestProducts,
  greatestSquares,
  promising,
  raiseByBest,
  raiseByRow,
  secondSquares,
  setExtent,
  tableBytes,
} from './split-filter'
import {
  addRun,
  clearSums,
  delta,
  greatestMagnitude,
  importances,
  levelsOfRow,
  order,
  prepareSplits,
  productSum,
  replaced,
  rowOfRun,
  setLevels,
  sortWeights,
  squareSum,
  storeSplitRun,
  weigh,
} from './three-way-split'

const blockBytes: usize = 50
const weightBytes: usize = 1024
const rowsAt: usize = 2
const headsAt: usize = 34
const elements: usize = 32

/** The shifts of {@link bestShift}. */
const up: i32 = 0
const down: i32 = 1

/** A sub-block whose greatest magnitude is below this becomes 0. */
const tiny: f32 = 1e-12
/** The scales of the eight sub-blocks. */
const scales: usize = memory.data(32, 16)
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
  closeTables(elements, 2)
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

/** Those that ./split-filter lets through. */
function tryPromising(): void {
  setFilter()
  raiseByRow(elements, 2, 8)
  raiseByRow(elements, 2, 12)
  for (let first: usize = 0; first <= elements; first++) {
    let found = promising(elements, 2, first, 0)
    for (; found != 0; found &= found - 1) tryGroup(first, first + ((<usize>ctz(found)) << 2))
    raiseByBest()
  }
}

/** Searches all splits; whether one was found (./best-split). */
function searchSplit(src: usize): bool {
  sortWeights(src, elements)
  addUp(src)
  forgetSplits()
  setHighParts()
  if (setExtent(extent, load<f32>(importancesTo + (elements << 2)))) tryPromising()
  else tryAll()
  return bestShift >= 0
}

/** The rows of the sub-block. */
const rows: usize = memory.data(8, 16)

/** Rows and shift of the sub-block `index` at `src`; gives its scale. */
function fitSubblock(src: usize, dst: usize, index: usize, given: usize, spread: f32): f32 {
  weigh(given, src, elements, spread)
  if (greatestMagnitude(src, elements) < tiny || !searchSplit(src)) return 0
  const turned = bestScale < 0
  let scale: f32 = turned ? -bestScale : bestScale
  const shift: f32 = turned == (bestShift == up) ? -delta : delta
  setLevels(elements, firstSplit, secondSplit, turned)
  let any = false
  let head: u32 = shift < 0 ? 0x8000 : 0
  for (let run: usize = 0; run < 4; run++) {
    const row = rowOfRun(src, run << 3, scale, shift)
    any = any || replaced
    store<u8>(dst + rowsAt + index * 4 + run, row)
    store<u16>(rows + (run << 1), row)
    head |= (<u32>row >> 8) << (3 * <u32>run)
  }
  if (any) {
    clearSums()
    for (let run: usize = 0; run < 4; run++) {
      addRun(src, run << 3, levelsOfRow(load<u16>(rows + (run << 1))), shift, 1)
    }
    if (productSum > 0 && squareSum > 0) scale = productSum / squareSum
  }
  store<u16>(dst + headsAt + index * 2, head)
  if (!(scale >= 0)) markLost()
  return scale
}

function quantizeSuperblock(src: usize, dst: usize, given: usize): void {
  const spread = meanSquare(src, 2)
  memory.fill(dst, 0, blockBytes)
  let greatest: f32 = 0
  for (let index: usize = 0; index < 8; index++) {
    const scale = fitSubblock(src + (index << 7), dst, index, given + (index << 7), spread)
    store<f32>(scales + (index << 2), scale)
    if (!(greatest > scale)) greatest = scale
  }
  const some = greatest != 0 || lost
  const unit: f32 = greatest / 15
  if (some) storeScale(dst, unit * 1.125)
  const inverse: f32 = 1 / unit
  for (let index: usize = 0; index < 8; index++) {
    const at = dst + headsAt + index * 2
    // Without a scale of the superblock llama.cpp stores neither the sub-blocks' scales nor their shifts.
    if (some) store<u16>(at, load<u16>(at) | (scaleLevel(inverse, load<f32>(scales + (index << 2)), 7) << 12))
    else store<u16>(at, load<u16>(at) & 0x0fff)
  }
}

/** `src`: 256 · `blocks` f32; `dst`: 50 · `blocks` bytes; `importance`: the address of one f32 per weight. */
export function quantizeIQ1S(src: usize, dst: usize, blocks: i32, importance: usize): void {
  prepareSplits()
  for (const end = dst + <usize>blocks * blockBytes; dst < end; dst += blockBytes) {
    quantizeSuperblock(src, dst, importance)
    src += weightBytes
    importance += weightBytes
  }
}

/** `src`: 50 · `blocks` bytes; `dst`: 256 · `blocks` f32. */
export function dequantizeIQ1S(src: usize, dst: usize, blocks: i32): void {
  for (const end = src + <usize>blocks * blockBytes; src < end; src += blockBytes) {
    const scale = floatFromHalf(load<u16>(src))
    for (let run: usize = 0; run < 32; run++) {
      const head = <u32>load<u16>(src + headsAt + ((run >> 2) << 1))
      const factor = 2 * <i32>((head >> 12) & 7) + 1
      const row = <usize>load<u8>(src + rowsAt + run) | (((<usize>head >> (3 * (run & 3))) & 7) << 8)
      storeSplitRun(dst, row, scale * <f32>factor, (head & 0x8000) != 0 ? -delta : delta)
      dst += 32
    }
  }
}
