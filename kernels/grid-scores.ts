/**
 * How well the rows of each candidate scale fit a sub-block: the score P² / Q, P = Σ importance · value · restored,
 * Q = Σ importance · restored², restored = 2 · level + 1. llama.cpp adds both up in f32 from the first element on, and
 * keeps the first candidate whose P² is above the best score so far times its Q.
 *
 * Here all are first scored in other order of additions, f64 over runs, and only those that come near the best are
 * then scored as they should be. Why the rest may be left out: let T = Σ importance · |value| · restored and W =
 * Σ importance · value². Either way P is off by less than 45 · 2^-24 T and Q by less than 45 · 2^-24 Q. Where the best
 * score is above 0.1 W, one with |P| < 0.1 T cannot come near it, as T² ≤ W Q; of the others P² is off by less than
 * 6e-5 of itself. Which candidate llama.cpp keeps depends on those before it only as far as their scores come as near
 * to the best as that: whatever stands when the best comes, it takes the place of it unless that is as near, and what
 * comes then and is not as near does not take its place. The reduction to {@link reduced} is far more. All while
 * nothing underflows or overflows that matters: {@link setExtents} tells.
 */
import { Codebook } from './codebook'
import { importances, products, roots, values } from './grid-subblock'

const reduced: f32 = 0.9995
const smallest: f32 = 1e-17
const largest: f32 = 1e13

/** What each candidate adds to P and Q of the one before it, as f64. */
const steps: usize = memory.data(33 * 16, 16)
/** P and Q of the run's row before, as f64. */
const before: usize = memory.data(16, 16)

let scoring: bool = false
/** Σ importance · value² */
let most: f32 = 0

function sumOf(four: v128): f32 {
  const pairs = f32x4.add(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1))
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1)
}

/** Begins a sub-block; whether scores of other order tell anything there. (Roots are NaN of importances below 0.) */
export function beginScores(elements: usize, candidates: usize): bool {
  let product = f32x4.splat(0)
  let importance = f32x4.splat(0)
  let energy = f32x4.splat(0)
  let root = f32x4.splat(0)
  for (let at: usize = 0; at < elements << 2; at += 16) {
    const own = v128.load(products + at)
    product = f32x4.add(product, f32x4.abs(own))
    energy = f32x4.add(energy, f32x4.mul(own, v128.load(values + at)))
    importance = f32x4.add(importance, v128.load(importances + at))
    root = f32x4.add(root, v128.load(roots + at))
  }
  most = sumOf(energy)
  scoring = isModerate(sumOf(product)) && isModerate(sumOf(importance)) && isModerate(most) && sumOf(root) < largest
  for (let k: usize = 0; k < candidates; k++) v128.store(steps + (k << 4), f64x2.splat(0))
  return scoring
}

function isModerate(sum: f32): bool {
  return sum > smallest && sum < largest
}

/** Begins a run. */
export function beginRun(): void {
  v128.store(before, f32x4.splat(0))
}

/** The run that begins with element `first` has `row` from candidate `k` on. */
export function addScore(book: Codebook, first: usize, k: usize, row: usize): void {
  if (!scoring) return
  const at = first << 2
  const restored = book.values + row * ((<usize>book.length) << 2)
  const four = v128.load(restored)
  let p = f32x4.mul(v128.load(products + at), four)
  let q = f32x4.mul(f32x4.mul(v128.load(importances + at), four), four)
  if (book.length == 8) {
    const last = v128.load(restored, 16)
    p = f32x4.add(p, f32x4.mul(v128.load(products + at, 16), last))
    q = f32x4.add(q, f32x4.mul(f32x4.mul(v128.load(importances + at, 16), last), last))
  }
  const pairs = f32x4.add(v128.shuffle<i32>(p, q, 0, 4, 1, 5), v128.shuffle<i32>(p, q, 2, 6, 3, 7))
  const both = f64x2.promote_low_f32x4(f32x4.add(pairs, v128.shuffle<i32>(pairs, pairs, 2, 3, 0, 1)))
  const step = steps + (k << 4)
  v128.store(step, f64x2.add(v128.load(step), f64x2.sub(both, v128.load(before))))
  v128.store(before, both)
}

/** P and Q of each candidate in turn, as f32, and its score. */
const sums: usize = memory.data(256, 16)
const scores: usize = memory.data(128, 16)

/** Fills {@link scores}; gives the best. */
function score(candidates: usize): f32 {
  let both = f64x2.splat(0)
  for (let k: usize = 0; k < candidates; k++) {
    both = f64x2.add(both, v128.load(steps + (k << 4)))
    v128.store_lane<i64>(sums + (k << 3), f32x4.demote_f64x2_zero(both), 0)
  }
  let best = f32x4.splat(0)
  for (let k: usize = 0; k < candidates; k += 4) {
    const low = v128.load(sums + (k << 3))
    const high = v128.load(sums + (k << 3), 16)
    const p = v128.shuffle<i32>(low, high, 0, 2, 4, 6)
    const four = f32x4.div(f32x4.mul(p, p), v128.shuffle<i32>(low, high, 1, 3, 5, 7))
    best = f32x4.pmax(best, four)
    v128.store(scores + (k << 2), four)
  }
  const pairs = f32x4.pmax(best, v128.shuffle<i32>(best, best, 2, 3, 0, 1))
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1))
}

/** A bit for each of the first `candidates` that must be scored as llama.cpp does it. */
export function promisingCandidates(candidates: usize): u32 {
  const all: u32 = 0xffffffff >> (32 - <u32>candidates)
  if (!scoring) return all
  // Those that fill up a vector repeat the last one.
  const best = score((candidates + 3) & ~3)
  if (!(best > <f32>0.1 * most)) return all
  const near = f32x4.splat(reduced * best)
  let found: u32 = 0
  for (let k: usize = 0; k < candidates; k += 4) {
    found |= i32x4.bitmask(f32x4.ge(v128.load(scores + (k << 2)), near)) << (<i32>k)
  }
  return found & all
}
