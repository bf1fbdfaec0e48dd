/**
 * Which splits of a sub-block of 16 weights under one of four shifts are worth a look, as ./split-filter tells it, with
 * the four shifts in the lanes.
 */
import {
  before,
  beyond,
  greatestProducts,
  greatestSquares,
  raiseByScores,
  scaledBefore,
  scaledProducts,
} from './split-filter'

const elements: usize = 16

/** What the second place adds to Q under each shift, a vector for each of 17 places and three that are never taken. */
export const placeSquares: usize = memory.data(20 * 16, 16)

/** Makes the places beyond the last unattractive. */
export function closePlaces(): void {
  v128.store(before + ((elements + 1) << 2), f32x4.splat(0))
  for (let place = elements + 1; place < 20; place++) v128.store(placeSquares + (place << 4), f32x4.splat(beyond))
}

/** Q without what the second place adds, for the first place `first`, which takes away what is added if opposite. */
function squareFrom(first: usize): v128 {
  const opposite = v128.load(placeSquares + (first << 4))
  return f32x4.sub(v128.load(greatestSquares), v128.shuffle<i32>(opposite, opposite, 3, 2, 1, 0))
}

/** Looks for a high threshold among the splits with the first place `first`. */
export function raiseByFirst(first: usize): void {
  const product = f32x4.sub(v128.load(greatestProducts), v128.load32_splat(before + (first << 2)))
  const square = squareFrom(first)
  let most = f32x4.splat(0)
  for (let second = first; second <= elements; second++) {
    const p = f32x4.sub(product, v128.load32_splat(before + (second << 2)))
    const q = f32x4.add(square, v128.load(placeSquares + (second << 4)))
    most = f32x4.pmax(most, f32x4.div(f32x4.mul(p, p), q))
  }
  raiseByScores(most)
}

function isWorth(product: v128, square: v128, second: usize): v128 {
  const p = f32x4.sub(product, v128.load32_splat(scaledBefore + (second << 2)))
  return f32x4.gt(f32x4.mul(p, p), f32x4.add(square, v128.load(placeSquares + (second << 4))))
}

/**
 * A bit for each four splits with the first place `first`, from the second place `first` on, of which one is worth a
 * look.
 */
export function promisingPlaces(first: usize): u32 {
  const product = f32x4.sub(v128.load(scaledProducts), v128.load32_splat(scaledBefore + (first << 2)))
  const square = squareFrom(first)
  let found: u32 = 0
  let bit: u32 = 1
  for (let second = first; second <= elements; second += 4) {
    const low = v128.or(isWorth(product, square, second), isWorth(product, square, second + 1))
    const high = v128.or(isWorth(product, square, second + 2), isWorth(product, square, second + 3))
    found |= v128.any_true(v128.or(low, high)) ? bit : 0
    bit <<= 1
  }
  return found
}
