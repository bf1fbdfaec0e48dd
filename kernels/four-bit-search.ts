/**
 * The search of IQ4_NL and IQ4_XS for the scales of four blocks of 32 weights, one in each lane, every lane doing the
 * operations of ggml's `quantize_row_iq4_nl_impl` in their order.
 *
 * The scale is the best of 16: the one that makes the largest weight the value −127 with its sign turned, then those
 * for −134 … −120; the best fits the weights, each counting as its square or, with an importance matrix, as its
 * importance · √(mean + its square).
 */
import { extreme, nearestLevels, valuesOf } from './four-bit-values'

/** Blocks searched at once. */
export const group: i32 = 4
/** Bytes of the weights of a group. */
export const groupBytes: usize = 512

/** A largest weight below this makes the whole block 0. */
const tiny: f32 = 1e-15
/** Candidates below and above the value −127. */
const reach: i32 = 7

/** The weights of a group: entry i holds weight i of its four blocks. */
const columns: usize = memory.data(512, 16)
const columnsEnd: usize = columns + 512
/** How much each of them counts, at the same places. */
const counts: usize = memory.data(512, 16)
const toCounts: usize = counts - columns

/** Σ count · value · weight and Σ count · value² of each lane, for the inverse scale last tried. */
const products: usize = memory.data(16, 16)
const squares: usize = memory.data(16, 16)

/** Whether all weights of the group at `src` are so small that their scales are 0. */
function isTiny(src: usize): bool {
  let most = f32x4.splat(0)
  for (const end = src + groupBytes; src < end; src += 32) {
    most = f32x4.pmax(most, f32x4.pmax(f32x4.abs(v128.load(src)), f32x4.abs(v128.load(src, 16))))
  }
  return i32x4.all_true(f32x4.lt(most, f32x4.splat(tiny)))
}

/** Four blocks at `src` into columns at `dst`. */
function loadColumns(src: usize, dst: usize): void {
  for (const end = dst + groupBytes; dst < end; dst += 16) {
    store<f32>(dst, load<f32>(src))
    store<f32>(dst, load<f32>(src, 128), 4)
    store<f32>(dst, load<f32>(src, 256), 8)
    store<f32>(dst, load<f32>(src, 384), 12)
    src += 4
  }
}

/** The weight with the greatest magnitude in each lane, the first of equals; 0 where all are 0. */
function largestWeights(): v128 {
  let largest = f32x4.splat(0)
  let magnitude = f32x4.splat(0)
  for (let at = columns; at < columnsEnd; at += 16) {
    const x = v128.load(at)
    const larger = f32x4.gt(f32x4.abs(x), magnitude)
    magnitude = v128.bitselect(f32x4.abs(x), magnitude, larger)
    largest = v128.bitselect(x, largest, larger)
  }
  return largest
}

function countSquares(): void {
  for (let at = columns; at < columnsEnd; at += 16) {
    const x = v128.load(at)
    v128.store(at + toCounts, f32x4.mul(x, x))
  }
}

/** Twice the mean square of each lane, as IQ4_NL adds it. */
function twiceMeanSquares(): v128 {
  let sum = f32x4.splat(0)
  for (let at = columns; at < columnsEnd; at += 16) {
    const x = v128.load(at)
    sum = f32x4.add(sum, f32x4.mul(x, x))
  }
  return f32x4.mul(sum, f32x4.splat(<f32>2 / 32))
}

/** Importance · √(`mean` + weight²); the importances are in {@link counts}. */
function countImportances(mean: v128): void {
  for (let at = columns; at < columnsEnd; at += 16) {
    const x = v128.load(at)
    const factor = f32x4.sqrt(f32x4.add(mean, f32x4.mul(x, x)))
    v128.store(at + toCounts, f32x4.mul(v128.load(at + toCounts), factor))
  }
}

/** Fills {@link products} and {@link squares}. */
function tryInverse(inverse: v128): void {
  let product = f32x4.splat(0)
  let square = f32x4.splat(0)
  for (let at = columns; at < columnsEnd; at += 16) {
    const x = v128.load(at)
    const value = valuesOf(nearestLevels(f32x4.mul(inverse, x)))
    const weighted = f32x4.mul(v128.load(at + toCounts), value)
    product = f32x4.add(product, f32x4.mul(weighted, x))
    square = f32x4.add(square, f32x4.mul(weighted, value))
  }
  v128.store(products, product)
  v128.store(squares, square)
}

/** Lanes that are not `alive` to 0, so that no denormal slows the search. */
function clearColumns(alive: v128): void {
  for (let at = columns; at < columnsEnd; at += 16) v128.store(at, v128.and(v128.load(at), alive))
}

/** The best scales for {@link columns} under {@link counts}, whose greatest weights are `largest`. */
function searchColumns(largest: v128): v128 {
  tryInverse(f32x4.div(f32x4.splat(1), f32x4.div(f32x4.neg(largest), f32x4.splat(extreme))))
  // Where no weight counts (or NaN came of 0 · ∞), the scale is 0, as in llama.cpp since 2025.
  const counted = f32x4.gt(v128.load(squares), f32x4.splat(0))
  let scale = v128.and(f32x4.div(v128.load(products), v128.load(squares)), counted)
  let best = f32x4.mul(scale, v128.load(products))
  for (let step = -reach; step <= reach; step++) {
    tryInverse(f32x4.div(f32x4.splat(<f32>step + extreme), largest))
    const product = v128.load(products)
    const square = v128.load(squares)
    const wins = v128.and(
      f32x4.gt(square, f32x4.splat(0)),
      f32x4.gt(f32x4.mul(product, product), f32x4.mul(best, square)),
    )
    const candidate = f32x4.div(product, square)
    scale = v128.bitselect(candidate, scale, wins)
    best = v128.bitselect(f32x4.mul(candidate, product), best, wins)
  }
  return scale
}

/**
 * The scales of the four blocks at `src` as four f32 at `dst`.
 *
 * @param importance address of one f32 for each of the 128 weights, or 0
 * @param mean twice the mean square of the superblock that they are part of; below 0: each block has its own. Used
 *   only with `importance`
 */
export function searchScales(src: usize, dst: usize, importance: usize, mean: f32): void {
  if (isTiny(src)) {
    v128.store(dst, f32x4.splat(0))
    return
  }
  loadColumns(src, columns)
  const largest = largestWeights()
  const alive = f32x4.ge(f32x4.abs(largest), f32x4.splat(tiny))
  if (!i32x4.all_true(alive)) clearColumns(alive)
  if (importance == 0) {
    countSquares()
  } else {
    loadColumns(importance, counts)
    countImportances(mean < 0 ? twiceMeanSquares() : f32x4.splat(mean))
  }
  v128.store(dst, v128.and(searchColumns(largest), alive))
}
