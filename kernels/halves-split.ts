/**
 * The best split of a sub-block of 16 weights (IQ1_M), whose first and second eight may be shifted each its own way:
 * bit 1 of the shift says that the first are shifted down, bit 0 the second.
 *
 * Sums are kept apart for the halves. With the values v, v + 1 and v + 2, Σ importance · weight · value of a split is
 * (v + 2) · all − (those before the first) − (those before the second place); the squares go alike.
 */
import { bestShift, betterSplits, forgetSplits, trySplit } from './best-split'
import { importances, order, sortWeights } from './three-way-split'

const elements: usize = 16
/** 17 places to divide at, filled up for whole vectors that begin anywhere. */
const tableBytes: usize = 80

/** Greatest value, and the steps of the squares from low to middle and from middle to high, shifted up and down. */
const highUp: f32 = 1.125
const highDown: f32 = 0.875
const lowStepUp: f32 = 0.75
const highStepUp: f32 = -1.25
const lowStepDown: f32 = 1.25
const highStepDown: f32 = -0.75

/** For each half Σ importance · weight and Σ importance of the first so many sorted weights. */
const products: usize = memory.data(160, 16)
const sums: usize = memory.data(160, 16)
/** The sums of importances times {@link highStepUp} and {@link highStepDown}. */
const stepsUp: usize = memory.data(160, 16)
const stepsDown: usize = memory.data(160, 16)

const results: usize = memory.data(128, 16)

function addUp(src: usize): void {
  let product0: f32 = 0
  let product1: f32 = 0
  let sum0: f32 = 0
  let sum1: f32 = 0
  store<f32>(products, 0)
  store<f32>(products, 0, tableBytes)
  store<f32>(sums, 0)
  store<f32>(sums, 0, tableBytes)
  for (let j: usize = 0; j < elements; j++) {
    const i = load<usize>(order + (j << 2))
    const importance = load<f32>(importances + (i << 2))
    const product: f32 = importance * load<f32>(src + (i << 2))
    if (i < 8) {
      product0 += product
      sum0 += importance
    } else {
      product1 += product
      sum1 += importance
    }
    const at = j << 2
    store<f32>(products + at, product0, 4)
    store<f32>(products + at, product1, tableBytes + 4)
    store<f32>(sums + at, sum0, 4)
    store<f32>(sums + at, sum1, tableBytes + 4)
  }
  for (let at: usize = 0; at < 2 * tableBytes; at += 16) {
    const own = v128.load(sums + at)
    v128.store(stepsUp + at, f32x4.mul(own, f32x4.splat(highStepUp)))
    v128.store(stepsDown + at, f32x4.mul(own, f32x4.splat(highStepDown)))
  }
}

/** All splits with the same first place, four at a time; one by one only where one is better than the best so far. */
function tryAll(first: usize): void {
  const at0 = first << 2
  const at1 = at0 + tableBytes
  const end = elements << 2
  const own0 = v128.load32_splat(products + at0)
  const own1 = v128.load32_splat(products + at1)
  const all0 = load<f32>(products + end)
  const all1 = load<f32>(products + end, tableBytes)
  const sum0 = load<f32>(sums + end)
  const sum1 = load<f32>(sums + end, tableBytes)
  const low0 = load<f32>(sums + at0)
  const low1 = load<f32>(sums + at1)
  const up0 = f32x4.splat(all0 * highUp)
  const up1 = f32x4.splat(all1 * highUp)
  const down0 = f32x4.splat(all0 * highDown)
  const down1 = f32x4.splat(all1 * highDown)
  const upSquare0 = f32x4.splat(sum0 * highUp * highUp + low0 * lowStepUp)
  const upSquare1 = f32x4.splat(sum1 * highUp * highUp + low1 * lowStepUp)
  const downSquare0 = f32x4.splat(sum0 * highDown * highDown + low0 * lowStepDown)
  const downSquare1 = f32x4.splat(sum1 * highDown * highDown + low1 * lowStepDown)
  for (let second = first; second <= elements; second += 4) {
    const at = second << 2
    const both0 = f32x4.add(own0, v128.load(products + at))
    const both1 = f32x4.add(own1, v128.load(products + at, tableBytes))
    const u0 = f32x4.sub(up0, both0)
    const u1 = f32x4.sub(up1, both1)
    const d0 = f32x4.sub(down0, both0)
    const d1 = f32x4.sub(down1, both1)
    const us0 = f32x4.add(upSquare0, v128.load(stepsUp + at))
    const us1 = f32x4.add(upSquare1, v128.load(stepsUp + at, tableBytes))
    const ds0 = f32x4.add(downSquare0, v128.load(stepsDown + at))
    const ds1 = f32x4.add(downSquare1, v128.load(stepsDown + at, tableBytes))
    const product0 = f32x4.add(u0, u1)
    const product1 = f32x4.add(u0, d1)
    const product2 = f32x4.add(d0, u1)
    const product3 = f32x4.add(d0, d1)
    const square0 = f32x4.add(us0, us1)
    const square1 = f32x4.add(us0, ds1)
    const square2 = f32x4.add(ds0, us1)
    const square3 = f32x4.add(ds0, ds1)
    const better = v128.or(
      v128.or(betterSplits(product0, square0), betterSplits(product1, square1)),
      v128.or(betterSplits(product2, square2), betterSplits(product3, square3)),
    )
    if (!v128.any_true(better)) continue
    v128.store(results, product0)
    v128.store(results, product1, 16)
    v128.store(results, product2, 32)
    v128.store(results, product3, 48)
    v128.store(results, square0, 64)
    v128.store(results, square1, 80)
    v128.store(results, square2, 96)
    v128.store(results, square3, 112)
    tryFour(first, second)
  }
}

function tryFour(first: usize, second: usize): void {
  const count = min<usize>(4, elements + 1 - second)
  for (let lane: usize = 0; lane < count; lane++) {
    for (let shift: usize = 0; shift < 4; shift++) {
      const at = results + (lane << 2) + (shift << 4)
      trySplit(load<f32>(at), load<f32>(at, 64), first, second + lane, <i32>shift)
    }
  }
}

/** Searches all splits; whether one was found (./best-split). */
export function searchHalvesSplit(src: usize): bool {
  sortWeights(src, elements)
  addUp(src)
  forgetSplits()
  for (let first: usize = 0; first <= elements; first++) tryAll(first)
  return bestShift >= 0
}
