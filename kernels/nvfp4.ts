/**
 * NVFP4: blocks of 64 weights, 36 bytes, as four sub-blocks of 16: a byte with the scale of each, a float of 4 exponent
 * and 3 mantissa bits without a sign (UE4M3); for each 8 bytes with the levels of ./four-bit-floats: byte i holds that
 * of weight i and, above, that of weight 8 + i. The scale makes the greatest magnitude 6.
 */
import { fourLevels, spreadLevels } from './four-bit-floats'

const levelsAt: usize = 4
const blockBytes: usize = 36
const subBlocks: usize = 4
/** Bytes of the weights and of the levels of a sub-block. */
const weightBytes: usize = 64
const levelBytes: usize = 8

/** The greatest scale: 448 (exponent 15, mantissa 6). 127 would be NaN. */
const greatestScale: u8 = 0x7e

/** The nearest UE4M3, halves upwards, of a value ≥ 0; ggml gives {@link greatestScale} from 256 upwards. */
function scaleFrom(value: f32): u8 {
  if (!(value > 0)) return 0
  if (value >= 256) return greatestScale
  // Below 2^-6 scales are multiples of 2^-9; what rounds to eight of them becomes seven.
  if (value < 0.015625) return <u8>min<i32>(7, <i32>(value * 512 + 0.5))
  // Exponent and mantissa stand in one number, so that a mantissa of 8 carries into the exponent.
  const bits = (reinterpret<u32>(value) >> 19) - ((127 - 7) << 4)
  const rounded = (bits + 1) >> 1
  return rounded >= 15 << 3 ? greatestScale : <u8>rounded
}

/** Half of the scale, since the values are doubled. 127 counts as 0; the top bit is not looked at. */
function unitOf(scale: u8): f32 {
  if (scale == 0x7f) return 0
  const exponent = <u32>(scale >> 3) & 15
  const mantissa = <u32>scale & 7
  if (exponent == 0) return <f32>mantissa * <f32>0.0009765625
  return reinterpret<f32>(((exponent + 127 - 8) << 23) | (mantissa << 20))
}

/** max |weight| of the 16 floats at `src`. */
function largest(src: usize): f32 {
  const low = f32x4.pmax(f32x4.abs(v128.load(src)), f32x4.abs(v128.load(src, 16)))
  const four = f32x4.pmax(low, f32x4.pmax(f32x4.abs(v128.load(src, 32)), f32x4.abs(v128.load(src, 48))))
  const two = f32x4.pmax(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmax(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0)
}

/** Levels of eight weights in the low bytes of eight lanes. */
function eightLevels(src: usize, unit: v128): v128 {
  const top = i32x4.splat(7)
  return i16x8.narrow_i32x4_s(fourLevels(src, unit, top), fourLevels(src + 16, unit, top))
}

function storeSubBlock(src: usize, dst: usize, unit: f32): void {
  const units = f32x4.splat(unit)
  const bytes = v128.or(eightLevels(src, units), i16x8.shl(eightLevels(src + 32, units), 4))
  v128.store64_lane(dst, i8x16.narrow_i16x8_u(bytes, bytes), 0)
}

/** `src`: 64 · `blocks` f32; `dst`: 36 · `blocks` bytes. */
export function quantizeNVFP4(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    for (let i: usize = 0; i < subBlocks; i++) {
      const scale = scaleFrom(largest(src) / 6)
      store<u8>(dst + i, scale)
      storeSubBlock(src, dst + levelsAt + i * levelBytes, unitOf(scale))
      src += weightBytes
    }
    dst += blockBytes
  }
}

/** The inverse of {@link quantizeNVFP4}: `src` blocks, `dst` f32. */
export function dequantizeNVFP4(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    for (let i: usize = 0; i < subBlocks; i++) {
      const packed = v128.load64_zero(src + levelsAt + i * levelBytes)
      const low = v128.and(packed, i8x16.splat(15))
      const levels = v128.shuffle<i64>(low, i8x16.shr_u(packed, 4), 0, 2)
      spreadLevels(levels, dst, unitOf(load<u8>(src + i)))
      dst += weightBytes
    }
    src += blockBytes
  }
}
