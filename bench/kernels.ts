import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { blockTypes, type GgmlType, ggmlTypeNames, rowBytes } from '#dist/formats/ggml/block-types.js'
import { canQuantize, compileKernels, Kernels, needsImportance, usesImportance } from '#dist/quant/kernels.js'
import { findOverflow } from '#dist/quant/overflow.js'
import { loadKoffi, oracleLibraries } from '../test/helpers/llama-cpp.ts'
import { type WeightSet, weightSets } from '../test/helpers/weight-sets.ts'
import { machine } from './machine.ts'
import { median } from './median.ts'
import { writeResults } from './results.ts'

/**
 * Each kernel against llama.cpp's `ggml_quantize_chunk`: one thread each, in one process, in alternation, on the same
 * weights. A ratio is the median of the ratios of the rounds, so that a load on the machine that slows both does not
 * count.
 *
 * `--type A,B` takes only these types, and keeps no results; `--only "gaussian 0.02"` only these weights (with
 * `--weighted`, importances wherever they are used), so that one type on one set is compared in seconds.
 */
const { values } = parseArgs({
  options: {
    type: { type: 'string', default: '' },
    rounds: { type: 'string', default: '9' },
    /** "all": look for the slowest in all weight sets; else each type in every fourth, not the same for all. */
    sets: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    weighted: { type: 'boolean', default: false },
  },
})
const types = values.type === '' ? ggmlTypeNames.filter(canQuantize) : (values.type.split(',') as GgmlType[])
const rounds = Number(values.rounds)

/** Weights of one call: 64 superblocks, whose floats fit in a level-2 cache together with the blocks. */
const chunk = 64 * 256
/** Different chunks, so that a branch predictor cannot learn the data. */
const chunks = 8
/** What a measurement should last, so that the clock does not matter; ten times that is for warming up. */
const milliseconds = 20

interface Contestant {
  /** Quantizes all chunks once. */
  run(): void
  /** Calls of `run` per measurement. */
  repeats: number
  /** M weights/s of each round. */
  readonly rates: number[]
}

type QuantizeChunk = (
  type: number,
  weights: Float32Array,
  blocks: Uint8Array,
  start: number,
  rows: number,
  columns: number,
  importance: Float32Array | null,
) => number

const quantizeChunk = loadQuantizeChunk()
/** For the types that need importances, and where all that use them are compared: all alike. */
const importance = new Float32Array(chunk).fill(1)
/** One for all: V8 optimises the code of a module once, and not again for each instance. */
const wasm = compileKernels()

if (values.only !== '') for (const set of values.only.split(',')) compareOne(set)
else await compareEverything()

function compareOne(set: string): void {
  compareEach(set, set, types, (type) => needsImportance(type) || (values.weighted && usesImportance(type)))
}

async function compareEverything(): Promise<void> {
  const ordinary = compareAll('gaussian 0.02')
  const zeros = compareAll('zeros of both signs')
  const subnormals = compareAll('subnormals')
  const slowest = findSlowest()
  const weighted = compareWeighted()
  if (values.type !== '') return
  await writeResults('kernels', { ...machine(), rounds, ordinary, zeros, subnormals, slowest, weighted })
}

interface Figures {
  /** M weights/s per thread. */
  readonly ours: number
  readonly llama: number
  readonly ratio: number
}

function compareAll(setName: string): Record<string, Figures> {
  return compareEach(setName, setName, types, needsImportance)
}

/** The types that can use importances, with them. */
function compareWeighted(): Record<string, Figures> {
  const setName = 'gaussian 0.02'
  return compareEach(`${setName} with importances`, setName, types.filter(usesImportance), usesImportance)
}

function compareEach(
  title: string,
  setName: string,
  types: readonly GgmlType[],
  weighted: (type: GgmlType) => boolean,
): Record<string, Figures> {
  console.log(`\n${title}: M weights/s per thread, medians of ${rounds} rounds`)
  console.log(`${'type'.padEnd(8)}${'ours'.padStart(9)}${'llama.cpp'.padStart(11)}${'ratio'.padStart(8)}`)
  const set = weightSets.find(({ name }) => name === setName)
  if (set === undefined) throw new Error(`there is no weight set "${setName}"`)
  const rows = types
    .filter((type) => survives(type, set))
    .map((type) => {
      return [type, show(type, compare(type, set, rounds, milliseconds, weighted(type)))] as const
    })
  return Object.fromEntries(rows)
}

/** The weights on which we do worst, by type: of the two that come last in short rounds, the last in long ones. */
function findSlowest(): Record<string, Figures & { readonly set: string }> {
  console.log('\nthe set with the lowest ratio')
  return Object.fromEntries(
    types.map((type, index) => {
      const all = weightSets
        .filter((_, number) => values.sets === 'all' || number % 4 === index % 4)
        .filter((set) => survives(type, set))
        .map((set) => ({ set, ...compare(type, set, 5, milliseconds / 8) }))
      const last = all.sort((a, b) => a.ratio - b.ratio).slice(0, 2)
      const again = last.map(({ set }) => ({ ...compare(type, set, rounds, milliseconds), set: set.name }))
      const worst = again.reduce((least, figures) => (figures.ratio < least.ratio ? figures : least))
      show(type, worst, worst.set)
      return [type, worst]
    }),
  )
}

/** Whether no block of `set` is one that we refuse: llama.cpp ends the program at some of them. */
function survives(type: GgmlType, { generate }: WeightSet): boolean {
  const kernels = new Kernels(wasm)
  const floats = kernels.reserve(chunk * Float32Array.BYTES_PER_ELEMENT)
  const blocks = kernels.reserve(rowBytes(type, chunk))
  const address = needsImportance(type) ? reserveImportance(kernels) : 0
  for (let index = 0; index < chunks; index++) {
    new Float32Array(kernels.memory.buffer, floats, chunk).set(generate(chunk, index + 1))
    kernels.quantize(type, floats, blocks, chunk, address)
    const written = new Uint8Array(kernels.memory.buffer, blocks, rowBytes(type, chunk))
    if (findOverflow(type, written) !== undefined) return false
  }
  return true
}

function show(type: GgmlType, figures: Figures, set = ''): Figures {
  const columns = [
    String(figures.ours).padStart(9),
    String(figures.llama).padStart(11),
    figures.ratio.toFixed(2).padStart(8),
  ]
  console.log(`${type.padEnd(8)}${columns.join('')}  ${set}`.trimEnd())
  return figures
}

function compare(
  type: GgmlType,
  set: WeightSet,
  rounds: number,
  milliseconds: number,
  weighted = needsImportance(type),
): Figures {
  const data = Array.from({ length: chunks }, (_, index) => set.generate(chunk, index + 1))
  const ours = contestant(openOurs(type, data, weighted), milliseconds)
  const theirs = contestant(openTheirs(type, data, weighted), milliseconds)
  for (let round = 0; round < rounds; round++) {
    measure(ours)
    measure(theirs)
  }
  return {
    ours: rounded(median(ours.rates)),
    llama: rounded(median(theirs.rates)),
    ratio: Number(median(ours.rates.map((rate, round) => rate / (theirs.rates[round] ?? Number.NaN))).toFixed(2)),
  }
}

/** With a decimal where that says something. */
function rounded(rate: number): number {
  return rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate)
}

function openOurs(type: GgmlType, data: readonly Float32Array[], weighted: boolean): () => void {
  const kernels = new Kernels(wasm)
  const blocks = kernels.reserve(rowBytes(type, chunk))
  const places = data.map(() => kernels.reserve(chunk * Float32Array.BYTES_PER_ELEMENT))
  places.forEach((place, index) => {
    new Float32Array(kernels.memory.buffer, place, chunk).set(data[index] ?? [])
  })
  const address = weighted ? reserveImportance(kernels) : 0
  return () => {
    for (const place of places) kernels.quantize(type, place, blocks, chunk, address)
  }
}

/** The address of {@link importance}. */
function reserveImportance(kernels: Kernels): number {
  const address = kernels.reserve(importance.byteLength)
  new Float32Array(kernels.memory.buffer, address, chunk).set(importance)
  return address
}

function openTheirs(type: GgmlType, data: readonly Float32Array[], weighted: boolean): () => void {
  const { id } = blockTypes[type]
  const blocks = new Uint8Array(rowBytes(type, chunk))
  const given = weighted ? importance : null
  return () => {
    for (const weights of data) quantizeChunk(id, weights, blocks, 0, 1, chunk, given)
  }
}

/** Loaded once: the library does not survive being loaded again. */
function loadQuantizeChunk(): QuantizeChunk {
  const libraries = oracleLibraries()
  if ('missing' in libraries) throw new Error(libraries.missing)
  return loadKoffi()
    .load(join(libraries.folder, 'libggml-base.so'))
    .func(
      'size_t ggml_quantize_chunk(int type, void *src, void *dst, int64_t start, int64_t nrows, int64_t columns, void *imatrix)',
    )
}

/** Warms up (V8 compiles a kernel again, with optimisation, after some calls) and finds how often to repeat. */
function contestant(run: () => void, milliseconds: number): Contestant {
  const start = performance.now()
  let calls = 0
  while (performance.now() - start < 10 * milliseconds) {
    run()
    calls++
  }
  return { run, repeats: Math.ceil(calls / 10), rates: [] }
}

/** By the time of the processor that this process took: what others do meanwhile does not count. */
function measure({ run, repeats, rates }: Contestant): void {
  const start = process.cpuUsage()
  for (let repeat = 0; repeat < repeats; repeat++) run()
  const { user, system } = process.cpuUsage(start)
  rates.push((repeats * chunks * chunk) / (user + system))
}
