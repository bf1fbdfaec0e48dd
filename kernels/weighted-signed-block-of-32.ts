/**
 * What Q4_0 and Q5_0 have in common with an importance matrix: the scale of each block of 32 is searched for, and the
 * squared error of a weight counts importance · √(mean square of the row + weight²) times.
 */
import { multipliedLevels } from './groups-of-16'
import { countByImportance } from './importance-counts'
import { fitSignedWeighted, foundInverses, foundScales } from './signed-scale-weighted'

const group: i32 = 4
const weightBytes: usize = 128
const groupBytes: usize = 512

/** How much the weights of the blocks being fitted count, and a copy of them where they are less than four. */
const counts: usize = memory.data(512, 16)
const padded: usize = memory.data(512, 16)
/** The 32 levels of a block, one byte each, from 0 up. */
export const signedLevels: usize = memory.data(32, 16)

/**
 * Fits the first of `blocks` blocks at `src`, of a row with the mean square `mean`, to levels −top…top − 1.
 * @returns how many: {@link signedScaleOf} and {@link takeSignedLevels} then tell of each
 */
export function fitSignedBlocks(src: usize, importance: usize, blocks: i32, mean: f32, top: i32): i32 {
  const fitted = min<i32>(blocks, group)
  if (fitted < group) {
    memory.fill(padded, 0, groupBytes)
    memory.fill(counts, 0, groupBytes)
    memory.copy(padded, src, <usize>fitted * weightBytes)
    src = padded
  }
  countByImportance(src, importance, counts, fitted << 5, mean)
  fitSignedWeighted(src, counts, 32, <f32>top)
  return fitted
}

export function signedScaleOf(block: usize): f32 {
  return load<f32>(foundScales + (block << 2))
}

function sixteen(src: usize, inverse: f32, top: i32): v128 {
  const low = i8x16.splat(<i8>-top)
  const high = i8x16.splat(<i8>(top - 1))
  return i8x16.sub(i8x16.max_s(i8x16.min_s(multipliedLevels(src, f32x4.splat(inverse)), high), low), low)
}

/** The levels of `block` of those fitted, whose weights are at `src`, to {@link signedLevels}: 0 where all are zero. */
export function takeSignedLevels(block: usize, src: usize, top: i32): void {
  const inverse = load<f32>(foundInverses + (block << 2))
  v128.store(signedLevels, inverse == 0 ? i8x16.splat(0) : sixteen(src, inverse, top))
  v128.store(signedLevels, inverse == 0 ? i8x16.splat(0) : sixteen(src + 64, inverse, top), 16)
}
