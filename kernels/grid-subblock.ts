/**
 * What the grid types share around ./grid-search: a sub-block's magnitudes, signs and importances, the candidates, and
 * the scales of the sub-blocks in a superblock.
 */

import { halfFromFloat } from './half'
import { nearestInt } from './nearest'

/** Weights in a superblock. */
const superblock: usize = 256
/** The half that no finite weights give: the caller refuses the block (src/quant/overflow.ts). */
const refused: u16 = 0x7c00

/** The sub-block: magnitudes (negative where a sign was turned against the weight's), and what their errors count. */
export const values: usize = memory.data(128, 16)
export const importances: usize = memory.data(128, 16)
/** √ importance, by which rows are compared. */
export const roots: usize = memory.data(128, 16)
/** importance · value and √ importance · value */
export const products: usize = memory.data(128, 16)
export const rootProducts: usize = memory.data(128, 16)

/** Set where the distance to every neighbour was infinite or NaN: llama.cpp ends the program there. */
export let lost: bool = false

export function markLost(): void {
  lost = true
}

export function nothingLost(): void {
  lost = false
}

/** `factor` · Σ weight² / 256 of the superblock at `src`, summed in order. */
export function meanSquare(src: usize, factor: f32): f32 {
  let sum: f32 = 0
  for (const end = src + (superblock << 2); src < end; src += 4) {
    const x = load<f32>(src)
    sum += x * x
  }
  return (factor * sum) / 256
}

/** Fills {@link importances} with given importance · √(`spread` + weight²), and {@link roots}. */
export function weighBy(given: usize, src: usize, elements: i32, spread: f32): void {
  for (let at: usize = 0; at < (<usize>elements) << 2; at += 16) {
    const x = v128.load(src + at)
    const size = f32x4.sqrt(f32x4.add(f32x4.splat(spread), f32x4.mul(x, x)))
    setImportance(at, f32x4.mul(v128.load(given + at), size))
  }
}

/** Fills {@link importances} with `base` + weight², and {@link roots}. */
export function weighBySquare(src: usize, elements: i32, base: f32): void {
  for (let at: usize = 0; at < (<usize>elements) << 2; at += 16) {
    const x = v128.load(src + at)
    setImportance(at, f32x4.add(f32x4.splat(base), f32x4.mul(x, x)))
  }
}

function setImportance(at: usize, importance: v128): void {
  v128.store(importances + at, importance)
  v128.store(roots + at, f32x4.sqrt(importance))
}

/** Fills {@link values} with the magnitudes of the weights at `src`; gives a bit for each that was below 0. */
export function takeSigns(src: usize, elements: i32): u32 {
  let signs: u32 = 0
  for (let i: usize = 0; i < <usize>elements; i += 4) {
    const x = v128.load(src + (i << 2))
    const positive = f32x4.ge(x, f32x4.splat(0))
    v128.store(values + (i << 2), v128.bitselect(x, f32x4.neg(x), positive))
    signs |= (<u32>(i32x4.bitmask(positive) ^ 15)) << (<u32>i)
  }
  return signs
}

/**
 * Makes the count of signs among each eight even, as types that store seven of eight signs need it: turns the sign of
 * the weight whose importance · weight² is least, whose value thereby becomes negative.
 */
export function makeSignsEven(src: usize, elements: i32, signs: u32): u32 {
  for (let first: usize = 0; first < <usize>elements; first += 8) {
    if ((popcnt((signs >> <u32>first) & 255) & 1) == 0) continue
    const cheapest = cheapestOfEight(src, first)
    store<f32>(values + (cheapest << 2), -load<f32>(values + (cheapest << 2)))
    signs ^= 1 << (<u32>cheapest)
  }
  return signs
}

function cheapestOfEight(src: usize, first: usize): usize {
  let cheapest = first
  let least = cost(src, first)
  for (let i = first + 1; i < first + 8; i++) {
    const price = cost(src, i)
    if (price < least) {
      least = price
      cheapest = i
    }
  }
  return cheapest
}

function cost(src: usize, i: usize): f32 {
  const x = load<f32>(src + (i << 2))
  return load<f32>(importances + (i << 2)) * x * x
}

/** The seven low signs of each eight, one after the other. */
export function packEvenSigns(signs: u32): u32 {
  return (signs & 127) | ((signs >> 1) & (127 << 7)) | ((signs >> 2) & (127 << 14)) | ((signs >> 3) & (127 << 21))
}

/** The greatest of {@link values}. */
export function greatestValue(elements: i32): f32 {
  let most = v128.load(values)
  for (let at: usize = 16; at < (<usize>elements) << 2; at += 16) most = f32x4.pmax(most, v128.load(values + at))
  const pairs = f32x4.pmax(most, v128.shuffle<i32>(most, most, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmax(pairs, v128.shuffle<i32>(pairs, pairs, 1, 0, 3, 2)), 0)
}

/** `count` numerators `base` + `step` · i, i from −`reach` on, to `dst`; `count` is filled up to a multiple of four. */
export function setNumerators(dst: usize, base: f32, step: f32, reach: i32): void {
  const filled = (2 * reach + 4) & ~3
  for (let i = 0; i < filled; i++) store<f32>(dst + ((<usize>i) << 2), base + <f32>(min(i, 2 * reach) - reach) * step)
}

/** The level 0 … `top` of a sub-block's scale under the inverse of the superblock's. */
export function scaleLevel(inverse: f32, scale: f32, top: i32): u32 {
  return max(0, min(top, nearestInt(0.5 * (inverse * scale - 1))))
}

/** The superblock's scale as a half; the refusal if llama.cpp would not have come this far. */
export function takeHalf(scale: f32): u16 {
  const half = lost ? refused : halfFromFloat(scale)
  nothingLost()
  return half
}

export function storeScale(dst: usize, scale: f32): void {
  store<u16>(dst, takeHalf(scale))
}
