import { type Random, seededRandom } from './random.ts'

/** Weights on which kernels are compared with llama.cpp: the ordinary ones, and those that have found bugs before. */
export interface WeightSet {
  readonly name: string
  /** The same `seed` gives the same `count` finite weights. */
  generate(count: number, seed: number): Float32Array
}

/** Weights of a superblock, and of the sub-blocks of the K-quants. */
const superblock = 256
const narrow = 16
const wide = 32

/** Draws one weight; `index` is its place in the tensor. */
type Draw = (index: number) => number

function set(name: string, prepare: (random: Random) => Draw): WeightSet {
  return {
    name,
    generate(count, seed) {
      const draw = prepare(seededRandom(seed))
      return Float32Array.from({ length: count }, (_, index) => draw(index))
    },
  }
}

/** `value` anew at each index that `every` divides, the same in between. */
function held(every: number, value: () => number): Draw {
  let current = 0
  return (index) => {
    if (index % every === 0) current = value()
    return current
  }
}

function gaussian(deviation: number): WeightSet {
  return set(`gaussian ${deviation}`, (random) => () => random.gaussian() * deviation)
}

/** Gaussian weights times a factor drawn for each `every` weights. */
function scaledPer(name: string, every: number, factor: (random: Random) => number): WeightSet {
  return set(name, (random) => {
    const scale = held(every, () => factor(random))
    return (index) => scale(index) * random.gaussian()
  })
}

function zerosPer(every: number): WeightSet {
  return scaledPer(`every other run of ${every} zero`, every, (random) => random.integer(2) * 0.02)
}

/** −15 … 0 decades. */
const fifteenDecades = (random: Random): number => 10 ** -random.integer(16)

function laplace(random: Random): number {
  const side = random.uniform() - 0.5
  return -Math.sign(side) * Math.log(1 - 2 * Math.abs(side)) * 0.02
}

/** Student's t with 1.5 degrees of freedom: χ² of 1.5 by its gamma distribution (Marsaglia and Tsang). */
function student(random: Random): number {
  const shape = 1.5 / 2 + 1 - 1 / 3
  const spread = 1 / Math.sqrt(9 * shape)
  let cube = (1 + spread * random.gaussian()) ** 3
  while (cube <= 0) cube = (1 + spread * random.gaussian()) ** 3
  const gamma = shape * cube * random.uniform() ** (1 / 0.75)
  return Math.max(-1e6, Math.min(1e6, (0.02 * random.gaussian()) / Math.sqrt((2 * gamma) / 1.5 + 1e-12)))
}

/** The nearest bfloat16 (ties away from zero; what is wanted are its 16 zero bits). */
function bf16(value: number): number {
  const bits = new Uint32Array(1)
  const float = new Float32Array(bits.buffer)
  float[0] = value
  bits[0] = ((bits[0] ?? 0) + 0x8000) & 0xffff0000
  return float[0] ?? 0
}

/** Any finite f32 with a sign, exponent and mantissa of its own; `exponents` counts from the subnormals up. */
function floatBits(random: Random, exponents: number): number {
  const bits = new Uint32Array([
    (random.integer(2) << 31) | (random.integer(exponents) << 23) | random.integer(1 << 23),
  ])
  return new Float32Array(bits.buffer)[0] ?? 0
}

/** The float `steps` floats below a power of two, from the subnormals to 2^128; the power counts from 2^-149. */
function belowPower(random: Random, power: number, steps: number): number {
  const first = power < 23 ? 2 ** power : (power - 22) * 2 ** 23
  const bits = new Uint32Array([(random.integer(2) << 31) | Math.max(0, first - steps)])
  return new Float32Array(bits.buffer)[0] ?? 0
}

export const weightSets: readonly WeightSet[] = [
  gaussian(0.02),
  gaussian(1),
  gaussian(1e-4),
  gaussian(100),
  set('Student t 1.5', (random) => () => student(random)),
  set('Laplace', (random) => () => laplace(random)),
  set('1 % outliers × 500', (random) => () => random.gaussian() * (random.integer(100) === 0 ? 10 : 0.02)),
  set('zeros of both signs', (random) => () => (random.integer(2) === 0 ? 0 : -0)),
  zerosPer(narrow),
  zerosPer(wide),
  zerosPer(superblock),
  gaussian(1e-20),
  scaledPer('1e-45 … 1e-5 per block', superblock, (random) => 10 ** -(5 + random.integer(41))),
  set('subnormals', (random) => () => floatBits(random, 1)),
  scaledPer('15 decades, mixed per 16', narrow, fifteenDecades),
  scaledPer('15 decades, mixed per 32', wide, fifteenDecades),
  // Eight blocks of 32 are searched together; squares of the small ones vanish, times the mean of the row they do not.
  set('eight blocks of 1e-20, five of 1e12', (random) => (index) => {
    return random.gaussian() * (Math.floor(index / wide) % 13 < 8 ? 1e-20 : 1e12)
  }),
  set('exponents mixed per weight', (random) => () => random.gaussian() * 10 ** (random.integer(30) - 20)),
  set('any finite float', (random) => () => floatBits(random, 255)),
  set('just below a power of two, the same per 32', (random) => {
    const power = held(wide, () => random.integer(278))
    const steps = held(wide, () => 1 + random.integer(100))
    return (index) => belowPower(random, power(index), steps(index) + random.integer(3))
  }),
  set('constant per block', (random) => held(superblock, () => random.gaussian())),
  set('constant per 16', (random) => held(narrow, () => random.gaussian())),
  set('constant per 32', (random) => held(wide, () => random.gaussian())),
  set('constant 1 or −1 per block', (random) => held(superblock, () => random.integer(2) * 2 - 1)),
  set('all positive', (random) => () => Math.abs(random.gaussian()) * 0.02),
  set('all negative', (random) => () => -Math.abs(random.gaussian()) * 0.02),
  set('positive and negative runs of 32', (random) => {
    const sign = held(wide, () => random.integer(2) * 2 - 1)
    return (index) => sign(index) * Math.abs(random.gaussian())
  }),
  set('tight around 1', (random) => () => 1 + random.gaussian() * 1e-6),
  set('tight around −1', (random) => () => -1 + random.gaussian() * 1e-6),
  set('small integers', (random) => () => random.integer(17) - 8),
  set('integers of one level more than fit', (random) => () => random.integer(33) - 16),
  set('90 % zeros', (random) => () => (random.integer(10) === 0 ? random.gaussian() : 0)),
  set('ternary', (random) => () => (random.integer(3) - 1) * 0.05),
  set('plus and minus the same extreme', (random) => () => (random.integer(8) === 0 ? random.integer(2) * 2 - 1 : 0.1)),
  set('nearly between two odd numbers, sizes mixed per 4', (random) => {
    const size = held(4, () => 10 ** -random.integer(4))
    return (index) => size(index) * (random.integer(8) - 4) * (2 + random.gaussian() * 1e-6)
  }),
  set('bf16', (random) => () => bf16(random.gaussian() * 0.02)),
  gaussian(1e15),
  gaussian(1e30),
]
