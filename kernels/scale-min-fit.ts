/**
 * Scale and minimum of the sub-blocks of Q2_K, Q4_K and Q5_K, and of Q4_1 and Q5_1 with an importance matrix: value ≈
 * scale · level − min with level in 0…top. Fits up to 32 sub-blocks at once, which are two superblocks of Q2_K and four
 * of Q4_K and Q5_K.
 */
import { weighAsGiven, weighByMagnitude, weighByMagnitudeAndMean } from './importance'
import { bestFrom, bestInverse, bestMin, bestScale, importanceSum, loadOctet, octetBytes, octets, right } from './octet'
import {
  exactFrom,
  exactInverse,
  exactMin,
  exactScale,
  rootMeanSquare,
  searchScaleMinExact,
  weighExactly,
  weighExactlyAsGiven,
  weightSum,
} from './scale-min-exact'
import { searchScaleMin } from './scale-min-search'

/** Per sub-block an f32: its scale and minimum … */
export const scales: usize = memory.data(128, 16)
export const mins: usize = memory.data(128, 16)
/** … and what gave the values their levels: the nearest integer to inverse · (value − from), clamped. */
export const inverses: usize = memory.data(128, 16)
export const froms: usize = memory.data(128, 16)
/** Σ of how much its errors count; only of {@link fitWeighted}. */
export const sums: usize = memory.data(128, 16)

function storeFits(octet: usize, at: usize): void {
  for (let side: usize = 0; side <= right; side += right) {
    v128.store(scales + at + side, v128.load(octet + side, bestScale))
    v128.store(mins + at + side, f32x4.neg(v128.load(octet + side, bestMin)))
    v128.store(inverses + at + side, v128.load(octet + side, bestInverse))
    v128.store(froms + at + side, v128.load(octet + side, bestFrom))
  }
}

/** Spans of the candidates without an importance matrix are 0.1 apart … */
const step: f32 = 0.1
/** … and with one there are 37 from −0.9 upwards, 0.05 apart. */
const weightedFirstSpan: f32 = -0.9
const weightedStep: f32 = 0.05
const weightedLastCandidate: i32 = 36

function storeExactFit(at: usize): void {
  store<f32>(scales + at, exactScale)
  store<f32>(mins + at, -exactMin)
  store<f32>(inverses + at, exactInverse)
  store<f32>(froms + at, exactFrom)
}

function fitExactly(
  src: usize,
  count: i32,
  elements: i32,
  top: f32,
  firstSpan: f32,
  lastCandidate: i32,
  byMagnitude: bool,
): void {
  for (let at: usize = 0; at < (<usize>count) << 5; at += 4) {
    weighExactly(src, elements, byMagnitude ? 0 : rootMeanSquare(src))
    searchScaleMinExact(src, elements, top, firstSpan, step, lastCandidate, byMagnitude)
    storeExactFit(at)
    src += (<usize>elements) << 2
  }
}

function fitWeightedExactly(src: usize, importance: usize, count: i32, elements: i32, top: f32): void {
  for (let at: usize = 0; at < (<usize>count) << 5; at += 4) {
    weighExactlyAsGiven(src, elements, importance)
    searchScaleMinExact(src, elements, top, weightedFirstSpan, weightedStep, weightedLastCandidate, false)
    storeExactFit(at)
    store<f32>(sums + at, weightSum)
    src += (<usize>elements) << 2
    importance += (<usize>elements) << 2
  }
}

/**
 * Fits 8 · `count` sub-blocks of `elements` f32 at `src` into {@link scales}, {@link mins}, {@link inverses} and
 * {@link froms}; `count` is 1…4. `top`, `firstSpan` and `lastCandidate` as in ./scale-min-search.
 *
 * @param byMagnitude a value's error counts |value| times and is not squared (Q2_K, 16 elements); otherwise it counts
 *   √(mean square) + |value| times and is squared (Q4_K and Q5_K, 32 elements)
 */
export function fitSubBlocks(
  src: usize,
  count: i32,
  elements: i32,
  top: f32,
  firstSpan: f32,
  lastCandidate: i32,
  byMagnitude: bool,
): void {
  for (let k: usize = 0; k < <usize>count; k++) {
    const octet = octets + k * octetBytes
    loadOctet(octet, src + k * ((<usize>elements) << 5), elements)
    if (byMagnitude) weighByMagnitude(octet)
    else weighByMagnitudeAndMean(octet)
  }
  if (!searchScaleMin(count, elements, top, firstSpan, step, lastCandidate, byMagnitude)) {
    fitExactly(src, count, elements, top, firstSpan, lastCandidate, byMagnitude)
    return
  }
  for (let k: usize = 0; k < <usize>count; k++) storeFits(octets + k * octetBytes, k << 5)
}

/** The same with how much each squared error counts as given: one f32 per value at `importance`. */
export function fitWeighted(src: usize, importance: usize, count: i32, elements: i32, top: f32): void {
  for (let k: usize = 0; k < <usize>count; k++) {
    const octet = octets + k * octetBytes
    const offset = k * ((<usize>elements) << 5)
    loadOctet(octet, src + offset, elements)
    weighAsGiven(octet, importance + offset, elements)
  }
  if (!searchScaleMin(count, elements, top, weightedFirstSpan, weightedStep, weightedLastCandidate, false)) {
    fitWeightedExactly(src, importance, count, elements, top)
    return
  }
  for (let k: usize = 0; k < <usize>count; k++) {
    const octet = octets + k * octetBytes
    storeFits(octet, k << 5)
    v128.store(sums + (k << 5), v128.load(octet, importanceSum))
    v128.store(sums + (k << 5), v128.load(octet, importanceSum + right), 16)
  }
}
