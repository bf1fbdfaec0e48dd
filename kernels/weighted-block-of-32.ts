/**
 * What Q4_1 and Q5_1 have in common with an importance matrix: scale and least weight of each block of 32 come of the
 * search of the K-quants, in which the squared error of a weight counts importance · √(mean square of the row +
 * weight²) times.
 */
import { countByImportance, sumOfSquares } from './importance-counts'
import { levelsByInverse } from './levels'
import { fitWeighted, froms, inverses, mins, scales } from './scale-min-fit'

/** Blocks fitted at once, at most; and what they come in. */
const most: i32 = 16
const eight: i32 = 8
const weightBytes: usize = 128

/** How much the weights of the blocks being fitted count, and a copy of them where they are less than eight. */
const counts: usize = memory.data(2048, 16)
const padded: usize = memory.data(2048, 16)
/** The 32 levels of a block, one byte each. */
export const blockLevels: usize = memory.data(32, 16)

/** The mean square of a row of 32 · `blocks` weights. */
export function meanSquare(src: usize, blocks: i32): f32 {
  return sumOfSquares(src, blocks << 5) / <f32>(blocks << 5)
}

/**
 * Fits the first of `blocks` blocks at `src`, of a row with the mean square `mean`, to levels 0…`top`.
 * @returns how many: {@link scaleOf}, {@link leastOf} and {@link takeLevels} then tell of each
 */
export function fitBlocks(src: usize, importance: usize, blocks: i32, mean: f32, top: i32): i32 {
  const fitted = blocks >= most ? most : min<i32>(blocks, eight)
  const bytes = <usize>fitted * weightBytes
  if (fitted < eight) {
    memory.fill(padded, 0, <usize>eight * weightBytes)
    memory.fill(counts, 0, <usize>eight * weightBytes)
    memory.copy(padded, src, bytes)
    src = padded
  }
  countByImportance(src, importance, counts, fitted << 5, mean)
  fitWeighted(src, counts, fitted > eight ? 2 : 1, 32, <f32>top)
  return fitted
}

export function scaleOf(block: usize): f32 {
  return load<f32>(scales + (block << 2))
}

/** The weight of level 0. */
export function leastOf(block: usize): f32 {
  return -load<f32>(mins + (block << 2))
}

/** The levels of `block` of those fitted, whose weights are at `src`, to {@link blockLevels}. */
export function takeLevels(block: usize, src: usize, top: i32): void {
  const at = block << 2
  levelsByInverse(src, blockLevels, 32, load<f32>(inverses + at), load<f32>(froms + at), top)
}
