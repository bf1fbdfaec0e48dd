/**
 * What the ternary types (TQ1_0, TQ2_0, Q2_0) have in common: weight = scale · (level − 1), scale = the greatest
 * magnitude, level = 1 + weight / scale rounded with halves away from zero.
 */

/** max |weight| of `count` f32 at `src`, a multiple of 16. */
export function largestOf(src: usize, count: i32): f32 {
  let most0 = f32x4.splat(0)
  let most1 = f32x4.splat(0)
  for (const end = src + ((<usize>count) << 2); src < end; src += 64) {
    most0 = f32x4.pmax(most0, f32x4.pmax(f32x4.abs(v128.load(src)), f32x4.abs(v128.load(src, 16))))
    most1 = f32x4.pmax(most1, f32x4.pmax(f32x4.abs(v128.load(src, 32)), f32x4.abs(v128.load(src, 48))))
  }
  const four = f32x4.pmax(most0, most1)
  const two = f32x4.pmax(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmax(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0)
}

/** Levels of four weights: 1, and one more or less from a half upwards and downwards. */
function fourLevels(src: usize, inverse: v128): v128 {
  const scaled = f32x4.mul(v128.load(src), inverse)
  const up = f32x4.ge(scaled, f32x4.splat(0.5))
  const down = f32x4.le(scaled, f32x4.splat(-0.5))
  return i32x4.add(i32x4.sub(down, up), i32x4.splat(1))
}

/**
 * Levels 0, 1 and 2 of the 16 weights at `src`, one in each byte.
 *
 * @param inverse 1 / scale; where that is infinite (scales below 2^-128), every level is `lost`, as C on x86 has it
 */
export function ternaryLevels(src: usize, inverse: f32, lost: u8): v128 {
  if (inverse == Infinity) return i8x16.splat(<i8>lost)
  const by = f32x4.splat(inverse)
  const low = i16x8.narrow_i32x4_s(fourLevels(src, by), fourLevels(src + 16, by))
  const high = i16x8.narrow_i32x4_s(fourLevels(src + 32, by), fourLevels(src + 48, by))
  return i8x16.narrow_i16x8_u(low, high)
}
