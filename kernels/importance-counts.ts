/**
 * How much the error of each weight counts with an importance matrix: importance · √(mean + weight²), where `mean` is
 * of the squares around it, by a rule of each type.
 */

/** Σ weight² of `count` f32 at `src`, added up one after the other as ggml does. */
export function sumOfSquares(src: usize, count: i32): f32 {
  let sum: f32 = 0
  for (const end = src + ((<usize>count) << 2); src < end; src += 4) sum += load<f32>(src) * load<f32>(src)
  return sum
}

/** For `count` weights at `src`, a multiple of 4, with their importances at `importance`, to f32 at `dst`. */
export function countByImportance(src: usize, importance: usize, dst: usize, count: i32, mean: f32): void {
  const means = f32x4.splat(mean)
  for (let at: usize = 0; at < (<usize>count) << 2; at += 16) {
    const x = v128.load(src + at)
    const factor = f32x4.sqrt(f32x4.add(means, f32x4.mul(x, x)))
    v128.store(dst + at, f32x4.mul(v128.load(importance + at), factor))
  }
}
