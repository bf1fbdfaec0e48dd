/**
 * The levels that a run of a sub-block's values takes under candidate scales, as the run's code (./codebook), and from
 * which candidate on each code holds: nearest integer of (value / scale − 1) / 2, within 0 … radix − 1.
 */
import { Codebook } from './codebook'
import { values } from './grid-subblock'
import { nearestInts } from './nearest'

/** Most candidates that a search has, a multiple of four. */
export const mostCandidates: usize = 32

/** The code of each candidate, behind a vector that no code is equal to. */
const codesWithEdge: usize = memory.data(144, 16)
export const codes: usize = codesWithEdge + 16

/** How close to the middle between two levels a value may not come lest rounding errors take it for the other. */
const doubtful: f32 = 0.4999
/** Within these bounds a scale, its inverse and their products with the values have all their bits. */
const smallest: f32 = 1e-30
const largest: f32 = 1e30
/** Values of up to this many levels round with an error that is small beside the width of {@link doubtful}. */
const farthest: f32 = 256

/** Whether levels under `scale` of values up to `magnitude` can be trusted to be those of the nearest values. */
export function isOrdinary(scale: f32, magnitude: f32): bool {
  return scale > smallest && scale < largest && magnitude < scale * farthest
}

/** Fills {@link codes} for the run that begins with element `first`, whatever the values. */
export function findAnyLevels(book: Codebook, first: usize, inverses: usize, candidates: usize): void {
  const top = i32x4.splat(book.radix - 1)
  const radix = i32x4.splat(book.radix)
  const begin = values + (first << 2)
  for (let k: usize = 0; k < candidates << 2; k += 16) {
    const inverse = v128.load(inverses + k)
    let code = i32x4.splat(0)
    for (let at = begin + ((<usize>book.length) << 2); at > begin; ) {
      at -= 4
      const scaled = f32x4.sub(f32x4.mul(inverse, v128.load32_splat(at)), f32x4.splat(1))
      const level = nearestInts(f32x4.mul(f32x4.splat(0.5), scaled))
      code = i32x4.add(i32x4.mul(code, radix), i32x4.max_s(i32x4.splat(0), i32x4.min_s(top, level)))
    }
    v128.store(codes + k, code)
  }
}

/** What the bits of 1.5 · 2^23 add up to in a code of four levels 0 … 7 and of eight levels 0 … 2 (modulo 2^32). */
const offsetOfFour: i32 = 0x4b400000 * 585
const offsetOfEight: i32 = 0x4b400000 * 3280
/** {@link doubtful} squared: the distance from the nearest level above which a value is near a middle. */
const doubtfulSquare: f32 = doubtful * doubtful

/** Constants that are kept in registers only if they are loaded: 1/2, the offset that rounds, and the highest levels. */
const half: usize = memory.data<f32>([0.5, 0.5, 0.5, 0.5], 16)
const roundingOffset: usize = memory.data<f32>([12582912, 12582912, 12582912, 12582912], 16)
const topOfFour: usize = memory.data<f32>([7, 7, 7, 7], 16)
const topOfEight: usize = memory.data<f32>([2, 2, 2, 2], 16)

/** Where the value at `at` lies among the levels under half inverse scales, within 0 … `top`. */
function position(at: usize, halves: v128, middle: v128, top: v128): v128 {
  const free = f32x4.sub(f32x4.mul(halves, v128.load32_splat(at)), middle)
  return f32x4.pmin(f32x4.pmax(free, f32x4.splat(0)), top)
}

/** The square of how far a position is from its level, which has the offset added. */
function offSquare(position: v128, level: v128, offset: v128): v128 {
  const off = f32x4.sub(position, f32x4.sub(level, offset))
  return f32x4.mul(off, off)
}

/**
 * The same for ordinary values ({@link isOrdinary}): half of a scaled value is then the value scaled by half of the
 * scale, and it makes no difference whether it is limited before or after it is rounded. Gives a bit for each candidate
 * under which a value comes near a middle. (What was limited is not near one, wherever it was.)
 */
export function findLevels(book: Codebook, first: usize, inverses: usize, candidates: usize): u32 {
  const at = values + (first << 2)
  return book.length == 4 ? levelsOfFour(at, inverses, candidates) : levelsOfEight(at, inverses, candidates)
}

function levelsOfFour(at: usize, inverses: usize, candidates: usize): u32 {
  const middle = v128.load(half)
  const offset = v128.load(roundingOffset)
  const top = v128.load(topOfFour)
  let doubt: u32 = 0
  for (let k: usize = 0; k < candidates; k += 4) {
    const halves = f32x4.mul(v128.load(inverses + (k << 2)), middle)
    const position0 = position(at, halves, middle, top)
    const position1 = position(at + 4, halves, middle, top)
    const position2 = position(at + 8, halves, middle, top)
    const position3 = position(at + 12, halves, middle, top)
    const level0 = f32x4.add(position0, offset)
    const level1 = f32x4.add(position1, offset)
    const level2 = f32x4.add(position2, offset)
    const level3 = f32x4.add(position3, offset)
    const low = i32x4.add(level0, i32x4.shl(level1, 3))
    const high = i32x4.add(i32x4.shl(level2, 6), i32x4.shl(level3, 9))
    v128.store(codes + (k << 2), i32x4.sub(i32x4.add(low, high), i32x4.splat(offsetOfFour)))
    const off01 = f32x4.pmax(offSquare(position0, level0, offset), offSquare(position1, level1, offset))
    const off23 = f32x4.pmax(offSquare(position2, level2, offset), offSquare(position3, level3, offset))
    const near = f32x4.gt(f32x4.pmax(off01, off23), f32x4.splat(doubtfulSquare))
    doubt |= i32x4.bitmask(near) << (<i32>k)
  }
  return doubt
}

function levelsOfEight(at: usize, inverses: usize, candidates: usize): u32 {
  const middle = v128.load(half)
  const offset = v128.load(roundingOffset)
  const top = v128.load(topOfEight)
  let doubt: u32 = 0
  for (let k: usize = 0; k < candidates; k += 4) {
    const halves = f32x4.mul(v128.load(inverses + (k << 2)), middle)
    let code = i32x4.splat(0)
    let off = f32x4.splat(0)
    for (let i: usize = 0; i < 32; i += 8) {
      const even = position(at + 28 - i, halves, middle, top)
      const odd = position(at + 24 - i, halves, middle, top)
      const evenLevel = f32x4.add(even, offset)
      const oddLevel = f32x4.add(odd, offset)
      code = i32x4.add(i32x4.add(i32x4.shl(code, 1), code), evenLevel)
      code = i32x4.add(i32x4.add(i32x4.shl(code, 1), code), oddLevel)
      off = f32x4.pmax(off, f32x4.pmax(offSquare(even, evenLevel, offset), offSquare(odd, oddLevel, offset)))
    }
    v128.store(codes + (k << 2), i32x4.sub(code, i32x4.splat(offsetOfEight)))
    doubt |= i32x4.bitmask(f32x4.gt(off, f32x4.splat(doubtfulSquare))) << (<i32>k)
  }
  return doubt
}

/** A bit for each candidate whose code is not that of the candidate before it. */
export function codeStarts(candidates: usize): u32 {
  v128.store(codesWithEdge, i32x4.splat(-1))
  let starts: u32 = 0
  for (let k: usize = 0; k < candidates; k += 4) {
    const at = codes + (k << 2)
    starts |= i32x4.bitmask(i32x4.ne(v128.load(at), v128.load(at - 4))) << (<i32>k)
  }
  return starts
}
