/** The error of a candidate's fit, from the levels that ./candidate-levels left in the octet. */
import { entryBytes, error, importances, levels, min, right, scale } from './octet'

/** Loaded, because V8 makes `f32x4.abs` of three instructions: it builds this mask anew each time. */
const withoutSign: usize = memory.data<i32>([0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff], 16)

/** Σ importance · |scale · level + min − value|. */
export function sumAbsoluteErrors(octet: usize, elements: i32): void {
  const mask = v128.load(withoutSign)
  const leftScale = v128.load(octet, scale)
  const rightScale = v128.load(octet, scale + right)
  const leftMin = v128.load(octet, min)
  const rightMin = v128.load(octet, min + right)
  let leftError = f32x4.splat(0)
  let rightError = f32x4.splat(0)
  const end = octet + <usize>elements * entryBytes
  let at = octet
  do {
    const leftFit = f32x4.add(f32x4.mul(leftScale, v128.load(at, levels)), leftMin)
    const rightFit = f32x4.add(f32x4.mul(rightScale, v128.load(at, levels + right)), rightMin)
    const leftOff = v128.and(f32x4.sub(leftFit, v128.load(at)), mask)
    const rightOff = v128.and(f32x4.sub(rightFit, v128.load(at, right)), mask)
    leftError = f32x4.add(leftError, f32x4.mul(v128.load(at, importances), leftOff))
    rightError = f32x4.add(rightError, f32x4.mul(v128.load(at, importances + right), rightOff))
    at += entryBytes
  } while (at < end)
  v128.store(octet, leftError, error)
  v128.store(octet, rightError, error + right)
}

/** Σ importance · (scale · level + min − value)². */
export function sumSquaredErrors(octet: usize, elements: i32): void {
  const leftScale = v128.load(octet, scale)
  const rightScale = v128.load(octet, scale + right)
  const leftMin = v128.load(octet, min)
  const rightMin = v128.load(octet, min + right)
  let leftError = f32x4.splat(0)
  let rightError = f32x4.splat(0)
  const end = octet + <usize>elements * entryBytes
  let at = octet
  do {
    const leftFit = f32x4.add(f32x4.mul(leftScale, v128.load(at, levels)), leftMin)
    const rightFit = f32x4.add(f32x4.mul(rightScale, v128.load(at, levels + right)), rightMin)
    const leftOff = f32x4.sub(leftFit, v128.load(at))
    const rightOff = f32x4.sub(rightFit, v128.load(at, right))
    leftError = f32x4.add(leftError, f32x4.mul(v128.load(at, importances), f32x4.mul(leftOff, leftOff)))
    rightError = f32x4.add(rightError, f32x4.mul(v128.load(at, importances + right), f32x4.mul(rightOff, rightOff)))
    at += entryBytes
  } while (at < end)
  v128.store(octet, leftError, error)
  v128.store(octet, rightError, error + right)
}
