/**
 * The search of ./scale-min-search for one sub-block, without its limit: levels are rounded as ggml's `nearest_int`
 * rounds any float, garbage beyond 2^22 included. Scalar and slow; only superblocks with values such as 1e-42 or 3e38
 * come here.
 */

import { nearestInt } from './nearest'
import { importances, levels, octets } from './octet'

/** The fit found by {@link searchScaleMinExact}. */
export let exactScale: f32 = 0
export let exactMin: f32 = 0
/** The inverse scale and minimum that give each value its level. */
export let exactInverse: f32 = 0
export let exactFrom: f32 = 0

/** Scratch: importances, then levels, as f32. */
const weights: usize = octets + importances
const tried: usize = octets + levels

/** Σ importance of the sub-block weighed last. */
export let weightSum: f32 = 0
let valueSum: f32 = 0

/** √(Σ value² / 32). */
export function rootMeanSquare(src: usize): f32 {
  let sum: f32 = 0
  for (let at = src; at < src + 128; at += 4) sum += load<f32>(at) * load<f32>(at)
  return sqrt<f32>(sum / 32)
}

/** Importances `base` + |value|, their sum, and their sum with the values, for {@link searchScaleMinExact}. */
export function weighExactly(src: usize, elements: i32, base: f32): void {
  for (let i = 0; i < elements; i++) {
    const value = load<f32>(src + ((<usize>i) << 2))
    const weight = base + abs<f32>(value)
    store<f32>(weights + ((<usize>i) << 2), weight)
    weightSum = i == 0 ? weight : weightSum + weight
    valueSum = i == 0 ? weight * value : valueSum + weight * value
  }
}

/** The same with importances as given: `elements` f32 at `given`. */
export function weighExactlyAsGiven(src: usize, elements: i32, given: usize): void {
  for (let at: usize = 0; at < (<usize>elements) << 2; at += 4) {
    const value = load<f32>(src + at)
    const weight = load<f32>(given + at)
    store<f32>(weights + at, weight)
    weightSum = at == 0 ? weight : weightSum + weight
    valueSum = at == 0 ? weight * value : valueSum + weight * value
  }
}

/** Σ weight · error of the levels tried. */
function sumErrors(src: usize, elements: i32, scale: f32, min: f32, absolute: bool): f32 {
  let sum: f32 = 0
  for (let at: usize = 0; at < (<usize>elements) << 2; at += 4) {
    const off: f32 = scale * load<f32>(tried + at) + min - load<f32>(src + at)
    sum += load<f32>(weights + at) * (absolute ? abs<f32>(off) : off * off)
  }
  return sum
}

/** `src`: `elements` f32, which have been weighed. The other arguments as in ./scale-min-search. */
export function searchScaleMinExact(
  src: usize,
  elements: i32,
  top: f32,
  firstSpan: f32,
  step: f32,
  lastCandidate: i32,
  absolute: bool,
): void {
  const bytes = (<usize>elements) << 2
  let min = load<f32>(src)
  let max = min
  for (let at: usize = 4; at < bytes; at += 4) {
    const value = load<f32>(src + at)
    if (value < min) min = value
    if (value > max) max = value
  }
  if (min > 0) min = 0
  exactMin = min
  exactFrom = 0
  exactInverse = 0
  exactScale = 0
  if (max == min) return

  let inverse: f32 = top / (max - min)
  exactScale = 1 / inverse
  exactInverse = inverse
  exactFrom = min
  for (let at: usize = 0; at < bytes; at += 4) takeLevel(src, at, inverse, min, top)
  let best = sumErrors(src, elements, exactScale, min, absolute)
  // No error is below 0 or below NaN. Values under 1e-38, whose squares vanish, all end here.
  if (!(best > 0)) return
  for (let candidate = 0; candidate <= lastCandidate; candidate++) {
    inverse = (firstSpan + step * <f32>candidate + top) / (max - exactMin)
    let sum: f32 = 0
    let squares: f32 = 0
    let withValues: f32 = 0
    for (let at: usize = 0; at < bytes; at += 4) {
      const level = takeLevel(src, at, inverse, exactMin, top)
      const weighted: f32 = load<f32>(weights + at) * level
      sum += weighted
      squares += weighted * level
      withValues += weighted * load<f32>(src + at)
    }
    const determinant: f32 = weightSum * squares - sum * sum
    if (!(determinant > 0)) continue
    let scale: f32 = (weightSum * withValues - valueSum * sum) / determinant
    let newMin: f32 = (squares * valueSum - sum * withValues) / determinant
    if (newMin > 0) {
      newMin = 0
      scale = withValues / squares
    }
    const error = sumErrors(src, elements, scale, newMin, absolute)
    if (error < best) {
      best = error
      exactScale = scale
      exactInverse = inverse
      exactFrom = exactMin
      exactMin = newMin
    }
  }
}

function takeLevel(src: usize, at: usize, inverse: f32, from: f32, top: f32): f32 {
  const level = nearestInt(inverse * (load<f32>(src + at) - from))
  const clamped = <f32>max<i32>(0, min<i32>(<i32>top, level))
  store<f32>(tried + at, clamped)
  return clamped
}
