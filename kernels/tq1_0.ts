/**
 * TQ1_0: blocks of 256 weights, 54 bytes, five levels of ./ternary-levels to a byte: 32 bytes, byte l with weights l,
 * l + 32 … l + 128; 16 bytes, byte l with weights 160 + l, 160 + l + 16 … 160 + l + 64; 4 bytes, byte l with weights
 * 240 + l, + 4, + 8, + 12 and an empty fifth; the half-precision scale.
 *
 * The five are the digits of a number 0…242 in base 3, the first weight highest. Of it a byte holds the nearest 256th
 * above n / 243: multiplied by 3, its carry is the first digit, what remains multiplied again the second, and so on.
 */
import { spreadSixteen } from './block-of-32'
import { floatFromHalf, halfFromFloat } from './half'
import { largestOf, ternaryLevels } from './ternary-levels'

const secondAt: usize = 32
const thirdAt: usize = 48
const scaleAt: usize = 52
const blockBytes: usize = 54

/** The 256 levels, one byte each. */
const levels: usize = memory.data(256, 16)

function timesThree(bytes: v128): v128 {
  return i8x16.add(i8x16.add(bytes, bytes), bytes)
}

function withDigit(number: v128, digit: v128): v128 {
  return i8x16.add(timesThree(number), digit)
}

/** ⌈13 · n / 243⌉ of four n: the fraction of 2^22 / 243 that is rounded away is too small for 13 · 242 + 242. */
function excessOfFour(products: v128): v128 {
  return i32x4.shr_u(products, 22)
}

/** Numbers 0…242 in bytes to ⌈256 · n / 243⌉, which is n + ⌈13 · n / 243⌉. */
function inTwoHundredFiftySixths(numbers: v128): v128 {
  const thirteen = i16x8.splat(13)
  const ceiling = i16x8.splat(242)
  const perUnit = i16x8.splat(17261)
  const low = i16x8.add(i16x8.mul(i16x8.extend_low_i8x16_u(numbers), thirteen), ceiling)
  const high = i16x8.add(i16x8.mul(i16x8.extend_high_i8x16_u(numbers), thirteen), ceiling)
  const lowExcess = i16x8.narrow_i32x4_u(
    excessOfFour(i32x4.extmul_low_i16x8_u(low, perUnit)),
    excessOfFour(i32x4.extmul_high_i16x8_u(low, perUnit)),
  )
  const highExcess = i16x8.narrow_i32x4_u(
    excessOfFour(i32x4.extmul_low_i16x8_u(high, perUnit)),
    excessOfFour(i32x4.extmul_high_i16x8_u(high, perUnit)),
  )
  return i8x16.add(numbers, i8x16.narrow_i16x8_u(lowExcess, highExcess))
}

/** Five runs of 16 levels, `stride` bytes apart, to 16 bytes. */
function packSixteen(src: usize, stride: usize): v128 {
  let number = v128.load(src)
  for (let digit: usize = 1; digit < 5; digit++) number = withDigit(number, v128.load(src + digit * stride))
  return inTwoHundredFiftySixths(number)
}

/** The last 16 levels to 4 bytes. */
function packLast(src: usize, dst: usize): void {
  let number = v128.load32_zero(src)
  for (let digit: usize = 1; digit < 4; digit++) number = withDigit(number, v128.load32_zero(src + (digit << 2)))
  v128.store32_lane(dst, inTwoHundredFiftySixths(timesThree(number)), 0)
}

/** `src`: 256 · `blocks` f32; `dst`: 54 · `blocks` bytes. */
export function quantizeTQ10(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = largestOf(src, 256)
    const inverse: f32 = scale != 0 ? 1 / scale : 0
    for (let i: usize = 0; i < 256; i += 16) v128.store(levels + i, ternaryLevels(src + (i << 2), inverse, 1))
    v128.store(dst, packSixteen(levels, 32))
    v128.store(dst, packSixteen(levels + 16, 32), 16)
    v128.store(dst, packSixteen(levels + 160, 16), secondAt)
    packLast(levels + 240, dst + thirdAt)
    store<u16>(dst, halfFromFloat(scale), scaleAt)
    src += 1024
    dst += blockBytes
  }
}

/** The first digits less 1 of 16 bytes: the carry of three times a byte is 1 from 86 upwards and 2 from 171 upwards. */
function signedDigits(bytes: v128): v128 {
  const ones = i8x16.ge_u(bytes, i8x16.splat(86))
  const twos = i8x16.ge_u(bytes, i8x16.splat(<i8>171))
  return i8x16.sub(i8x16.splat(-1), i8x16.add(ones, twos))
}

/** 16 bytes to five runs of 16 weights, `stride` bytes apart. */
function spreadFive(src: usize, dst: usize, stride: usize, scale: f32): void {
  let bytes = v128.load(src)
  for (let digit = 0; digit < 5; digit++) {
    spreadSixteen(signedDigits(bytes), dst, scale, -0.0)
    bytes = timesThree(bytes)
    dst += stride
  }
}

/** 4 bytes to the last 16 weights. */
function spreadLast(src: usize, dst: usize, scale: f32): void {
  const first = v128.load32_zero(src)
  const second = timesThree(first)
  const third = timesThree(second)
  const low = v128.shuffle<i32>(first, second, 0, 4, 0, 4)
  const high = v128.shuffle<i32>(third, timesThree(third), 0, 4, 0, 4)
  spreadSixteen(signedDigits(v128.shuffle<i64>(low, high, 0, 2)), dst, scale, -0.0)
}

/** The inverse of {@link quantizeTQ10}: `src` blocks, `dst` f32. */
export function dequantizeTQ10(src: usize, dst: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    const scale = floatFromHalf(load<u16>(src, scaleAt))
    spreadFive(src, dst, 128, scale)
    spreadFive(src + 16, dst + 64, 128, scale)
    spreadFive(src + secondAt, dst + 640, 64, scale)
    spreadLast(src + thirdAt, dst + 960, scale)
    src += blockBytes
    dst += 1024
  }
}
