/** The best of the splits tried of a sub-block's sorted weights into low, middle and high (./three-way-split). */

/** −FLT_MAX */
const none: f32 = -3.40282346638528859812e38

/** Before which sorted weights it divides. */
export let firstSplit: usize = 0
export let secondSplit: usize = 0
/** The scale for it, which can be below 0. */
export let bestScale: f32 = 0
export let bestScore: f32 = 0
/** Which way the values were shifted, as the type counts that; below 0 where no split was found. */
export let bestShift: i32 = -1

export function forgetSplits(): void {
  bestScore = none
  bestShift = -1
}

/** `product`: Σ importance · value · weight, `square`: Σ importance · value². The first of equals wins. */
export function trySplit(product: f32, square: f32, first: usize, second: usize, shift: i32): void {
  if (!(square > 0) || !(product * product > bestScore * square)) return
  bestScale = product / square
  bestScore = bestScale * product
  bestShift = shift
  firstSplit = first
  secondSplit = second
}

/** The lanes whose split would be taken as the best. */
export function betterSplits(product: v128, square: v128): v128 {
  return v128.and(
    f32x4.gt(square, f32x4.splat(0)),
    f32x4.gt(f32x4.mul(product, product), f32x4.mul(f32x4.splat(bestScore), square)),
  )
}
