import { type Random, seededRandom } from './random.ts'

/** Importances of columns on which kernels are compared with llama.cpp: what an importance matrix may hold. */
export interface ImportanceSet {
  readonly name: string
  /** The same `seed` gives the same `columns` numbers, finite and ≥ 0. */
  generate(columns: number, seed: number): Float32Array
}

function set(name: string, draw: (random: Random, column: number) => number): ImportanceSet {
  return {
    name,
    generate(columns, seed) {
      const random = seededRandom(seed)
      return Float32Array.from({ length: columns }, (_, column) => draw(random, column))
    },
  }
}

/** Mean squares of activations are what `llama-imatrix` collects; columns that were never active have 0. */
export const importanceSets: readonly ImportanceSet[] = [
  set('squares of gaussians', (random) => random.gaussian() ** 2),
  set('15 decades', (random) => random.uniform() * 10 ** (random.integer(16) - 10)),
  set('half of them 0', (random) => random.integer(2) * random.uniform()),
  set('every other run of 32 zero', (random, column) => (Math.floor(column / 32) % 2) * random.uniform()),
  set('all 1', () => 1),
  set('all 0', () => 0),
]
