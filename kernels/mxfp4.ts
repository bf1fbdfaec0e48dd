/**
 * MXFP4: blocks of 32 weights, 17 bytes: the exponent of their scale (E8M0), and 16 bytes with the levels of
 * ./four-bit-floats: byte i holds that of weight i and, above, that of weight 16 + i.
 *
 * The exponent byte is that of the greatest magnitude − 2 + 127, cut to 8 bits: below 2^-125 it wraps around to scales
 * so great that every level is 0. That is what llama.cpp does on x86, and the weights read as 0 either way.
 */
import { fourLevels, spreadLevels } from './four-bit-floats'

const blockBytes: usize = 17
const weightBytes: usize = 128

const hiddenBit: u32 = 0x800000
const naturalLog2: f32 = 0.6931472
/** The one exponent byte with which 8 and 12 units are infinite, and hence never nearest. */
const overflowing: u8 = 253

/** 2^(`exponent` − 128), the unit of the doubled values. */
function unitOf(exponent: u8): f32 {
  if (exponent < 2) return reinterpret<f32>((<u32>0x200000) << (<u32>exponent))
  return reinterpret<f32>((<u32>exponent - 1) << 23)
}

/**
 * ⌊log2f(`value`)⌋ of a finite value > 0, with the log2f of glibc, which just below a power of two gives that power: g
 * steps of 2^-24 under 2^n the logarithm is n − 2^-24 · g / ln 2. It becomes n while that is nearer than the float
 * below (above, for n ≤ 0), so for g up to 2^t · ln 2 if floats with exponent t are on that side of n.
 */
function floorOfLogarithm(value: f32): i32 {
  const bits = reinterpret<u32>(value)
  let exponent = <i32>(bits >> 23) - 127
  let mantissa = bits & (hiddenBit - 1)
  if (exponent == -127) {
    const shift = clz<u32>(mantissa) - 8
    mantissa = (mantissa << shift) & (hiddenBit - 1)
    exponent = -126 - <i32>shift
  }
  const next = exponent + 1
  const magnitude = <u32>(next > 0 ? next - 1 : -next)
  if (magnitude == 0) return exponent
  const steps = <u32>(<f32>((<u32>1) << (31 - clz<u32>(magnitude))) * naturalLog2)
  return hiddenBit - mantissa <= steps ? next : exponent
}

/** max |weight| of the 32 floats at `src`. */
function largest(src: usize): f32 {
  let four = f32x4.splat(0)
  for (const end = src + weightBytes; src < end; src += 16) four = f32x4.pmax(four, f32x4.abs(v128.load(src)))
  const two = f32x4.pmax(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.pmax(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0)
}

function sixteenLevels(src: usize, unit: v128, top: v128): v128 {
  const low = i16x8.narrow_i32x4_s(fourLevels(src, unit, top), fourLevels(src + 16, unit, top))
  const high = i16x8.narrow_i32x4_s(fourLevels(src + 32, unit, top), fourLevels(src + 48, unit, top))
  return i8x16.narrow_i16x8_u(low, high)
}

function quantizeBlock(src: usize, dst: usize): void {
  const magnitude = largest(src)
  // The unit of exponent 0 is subnormal, which makes processors slow; zeros do not need it.
  if (magnitude == 0) {
    memory.fill(dst, 0, blockBytes)
    return
  }
  const exponent = <u8>(floorOfLogarithm(magnitude) - 2 + 127)
  const unit = f32x4.splat(unitOf(exponent))
  const top = i32x4.splat(exponent == overflowing ? 5 : 7)
  store<u8>(dst, exponent)
  const low = sixteenLevels(src, unit, top)
  v128.store(dst, v128.or(low, i8x16.shl(sixteenLevels(src + 64, unit, top), 4)), 1)
}

/** `src`: 32 · `blocks` f32; `dst`: 17 · `blocks` bytes. */
export function quantizeMXFP4(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    quantizeBlock(src, dst)
    src += weightBytes
    dst += blockBytes
  }
}

/** The inverse of {@link quantizeMXFP4}: `src` blocks, `dst` f32. */
export function dequantizeMXFP4(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const unit = unitOf(load<u8>(src))
    const packed = v128.load(src, 1)
    spreadLevels(v128.and(packed, i8x16.splat(15)), dst, unit)
    spreadLevels(i8x16.shr_u(packed, 4), dst + 64, unit)
    src += blockBytes
    dst += weightBytes
  }
}
