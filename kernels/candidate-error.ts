/** The error of a candidate's fit, from the levels that ./candidate-levels left in the octet. */
import { entryBytes, error, importances, levels, min, right, scale } from './octet'

/** Σ importance · |scale · level + min − value|. */
export function sumAbsoluteErrors(octet: usize, elements: i32): void {
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
    const leftOff = f32x4.abs(f32x4.sub(leftFit, v128.load(at)))
    const rightOff = f32x4.abs(f32x4.sub(rightFit, v128.load(at, right)))
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
