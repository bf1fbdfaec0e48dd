/**
 * Q8_0: blocks of 32 weights, each a half-precision scale and 32 signed bytes (34 bytes).
 * Weight = scale · level, scale = max |weight| / 127, level = weight / scale rounded with halves away from zero.
 */
import { floatFromHalf, halfFromFloat } from './half'

const blockBytes: usize = 34

/** The largest f32 below one half: adding it and truncating is C's `roundf` for every |value| < 2^22. */
const almostHalf = reinterpret<f32>(0x3effffff)
/** Puts an integer |value| < 2^22 into the low mantissa bits, in two's complement. */
const integerOffset: f32 = 12582912.0

/** `scaled` rounded, the level in the low 8 bits of each lane. Infinity and NaN give 0, as the x86 conversion does. */
function levels(scaled: v128): v128 {
  const sign = v128.and(scaled, i32x4.splat(0x80000000))
  const rounded = f32x4.trunc(f32x4.add(scaled, v128.or(sign, f32x4.splat(almostHalf))))
  return v128.and(f32x4.add(rounded, f32x4.splat(integerOffset)), i32x4.splat(0xff))
}

function sixteenLevels(src: usize, inverse: v128): v128 {
  const low = i16x8.narrow_i32x4_u(
    levels(f32x4.mul(v128.load(src), inverse)),
    levels(f32x4.mul(v128.load(src, 16), inverse)),
  )
  const high = i16x8.narrow_i32x4_u(
    levels(f32x4.mul(v128.load(src, 32), inverse)),
    levels(f32x4.mul(v128.load(src, 48), inverse)),
  )
  return i8x16.narrow_i16x8_u(low, high)
}

/** max |weight| of the 32 floats at `src`. */
function largest(src: usize): f32 {
  const a = f32x4.pmax(f32x4.abs(v128.load(src)), f32x4.abs(v128.load(src, 16)))
  const b = f32x4.pmax(f32x4.abs(v128.load(src, 32)), f32x4.abs(v128.load(src, 48)))
  const c = f32x4.pmax(f32x4.abs(v128.load(src, 64)), f32x4.abs(v128.load(src, 80)))
  const d = f32x4.pmax(f32x4.abs(v128.load(src, 96)), f32x4.abs(v128.load(src, 112)))
  const four = f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d))
  const two = f32x4.pmax(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmax(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0)
}

/** `src`: 32 · `blocks` f32; `dst`: 34 · `blocks` bytes. */
export function quantizeQ80(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = largest(src) / 127
    const inverse = f32x4.splat(scale != 0 ? 1 / scale : 0)
    store<u16>(dst, halfFromFloat(scale))
    v128.store(dst, sixteenLevels(src, inverse), 2)
    v128.store(dst, sixteenLevels(src + 64, inverse), 18)
    src += 128
    dst += blockBytes
  }
}

/** Eight signed bytes at `src` times `scale` to eight f32 at `dst`. */
function scaleEight(src: usize, dst: usize, scale: v128): void {
  const wide = v128.load_ext<i8>(src)
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(wide)), scale))
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(wide)), scale), 16)
}

/** The inverse of {@link quantizeQ80}: `src` blocks, `dst` f32. */
export function dequantizeQ80(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = f32x4.splat(floatFromHalf(load<u16>(src)))
    scaleEight(src + 2, dst, scale)
    scaleEight(src + 10, dst + 32, scale)
    scaleEight(src + 18, dst + 64, scale)
    scaleEight(src + 26, dst + 96, scale)
    src += blockBytes
    dst += 128
  }
}
