/**
 * The final levels of Q3_K and Q6_K: each weight divided by the step of its sub-block, which is the scale of the scales
 * times the whole number that has become the scale of the sub-block.
 */
import { narrowTo16, rowBytes } from './groups-of-16'

/** Of each of the 16 sub-blocks the step, f32. */
export const steps: usize = memory.data(64, 16)

/** Fills {@link steps} from 16 signed bytes at `integers`; true if none is 0. */
export function setSteps(integers: usize, superScale: f32): bool {
  const factor = f32x4.splat(superScale)
  const bytes = v128.load(integers)
  const low = i16x8.extend_low_i8x16_s(bytes)
  const high = i16x8.extend_high_i8x16_s(bytes)
  const step0 = f32x4.mul(factor, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)))
  const step1 = f32x4.mul(factor, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)))
  const step2 = f32x4.mul(factor, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)))
  const step3 = f32x4.mul(factor, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)))
  v128.store(steps, step0)
  v128.store(steps, step1, 16)
  v128.store(steps, step2, 32)
  v128.store(steps, step3, 48)
  const zero = f32x4.splat(0)
  const first = v128.or(f32x4.eq(step0, zero), f32x4.eq(step1, zero))
  return !v128.any_true(v128.or(first, v128.or(f32x4.eq(step2, zero), f32x4.eq(step3, zero))))
}

/** Constants of `nearest_int`, loaded because V8 would build them anew in every round of the loop. */
const roundings: usize = memory.data<f32>([12582912, 12582912, 12582912, 12582912], 16)
const mantissas: usize = memory.data<i32>([0x7fffff, 0x7fffff, 0x7fffff, 0x7fffff], 16)
const biases: usize = memory.data<i32>([0x400000, 0x400000, 0x400000, 0x400000], 16)

/** Levels −`half`…`half` − 1 of 256 weights at `src` under {@link steps}, plus `half`, to 256 bytes at `levels`. */
export function divideAll(src: usize, levels: usize, half: i8): void {
  const rounding = v128.load(roundings)
  const mantissa = v128.load(mantissas)
  const bias = v128.load(biases)
  const middle = i8x16.splat(half)
  const least = i8x16.neg(middle)
  const most = i8x16.sub(middle, i8x16.splat(1))
  for (let row: usize = 0; row < 64; row += 4) {
    const step = v128.load32_splat(steps + row)
    const a = f32x4.add(f32x4.div(v128.load(src), step), rounding)
    const b = f32x4.add(f32x4.div(v128.load(src, 16), step), rounding)
    const c = f32x4.add(f32x4.div(v128.load(src, 32), step), rounding)
    const d = f32x4.add(f32x4.div(v128.load(src, 48), step), rounding)
    const found = narrowTo16(
      i32x4.sub(v128.and(a, mantissa), bias),
      i32x4.sub(v128.and(b, mantissa), bias),
      i32x4.sub(v128.and(c, mantissa), bias),
      i32x4.sub(v128.and(d, mantissa), bias),
    )
    v128.store(levels + (row << 2), i8x16.add(i8x16.max_s(i8x16.min_s(found, most), least), middle))
    src += rowBytes
  }
}
