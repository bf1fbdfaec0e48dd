/**
 * Q1_0: blocks of 128 weights, 18 bytes: the half-precision mean magnitude, then a bit for each weight from the low
 * bits up, set where it is ≥ 0 (of either zero). Weight = scale or −scale.
 */
import { floatFromHalf, halfFromFloat } from './half'

const blockBytes: usize = 18
const weightBytes: usize = 512

/** Σ |weight| of the 128 weights at `src`, one after the other as ggml adds them. */
function sumMagnitudes(src: usize): f32 {
  let sum: f32 = 0
  for (const end = src + weightBytes; src < end; src += 16) {
    const four = f32x4.abs(v128.load(src))
    sum += f32x4.extract_lane(four, 0)
    sum += f32x4.extract_lane(four, 1)
    sum += f32x4.extract_lane(four, 2)
    sum += f32x4.extract_lane(four, 3)
  }
  return sum
}

/** Which of the four weights at `src` are ≥ 0. */
function fourBits(src: usize): i32 {
  return i32x4.bitmask(f32x4.ge(v128.load(src), f32x4.splat(0)))
}

/** `src`: 128 · `blocks` f32; `dst`: 18 · `blocks` bytes. */
export function quantizeQ10(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    store<u16>(dst, halfFromFloat(sumMagnitudes(src) / 128))
    for (let at = dst + 2; at < dst + blockBytes; at++) {
      store<u8>(at, <u8>(fourBits(src) | (fourBits(src + 16) << 4)))
      src += 32
    }
    dst += blockBytes
  }
}

/** The inverse of {@link quantizeQ10}: `src` blocks, `dst` f32. */
export function dequantizeQ10(src: usize, dst: usize, blocks: i32): void {
  const lowBits = i32x4(1, 2, 4, 8)
  const highBits = i32x4(16, 32, 64, 128)
  for (let block = 0; block < blocks; block++) {
    const scale = f32x4.splat(floatFromHalf(load<u16>(src)))
    const negative = f32x4.neg(scale)
    for (let at = src + 2; at < src + blockBytes; at++) {
      const bits = i32x4.splat(<i32>load<u8>(at))
      v128.store(dst, v128.bitselect(scale, negative, i32x4.eq(v128.and(bits, lowBits), lowBits)))
      v128.store(dst, v128.bitselect(scale, negative, i32x4.eq(v128.and(bits, highBits), highBits)), 16)
      dst += 32
    }
    src += blockBytes
  }
}
