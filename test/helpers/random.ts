/** Deterministic pseudo-random numbers for test data (mulberry32): the same seed gives the same numbers anywhere. */
export interface Random {
  /** Uniform in [0, 1), 32 bits fine. */
  uniform(): number
  /** Uniform integer in [0, below). */
  integer(below: number): number
  /** Normal with mean 0 and deviation 1. */
  gaussian(): number
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  function uniform(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    uniform,
    integer: (below) => Math.floor(uniform() * below),
    gaussian: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  }
}
