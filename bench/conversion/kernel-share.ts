import { once } from 'node:events'
import { openLocalFile } from '#dist/disk/local-file.js'
import type { GgmlType } from '#dist/formats/ggml/block-types.js'
import type { Plan, PlannedTensor } from '#dist/plan/plan.js'
import { type Slice, sliceCount, sliceOf, sliceSegments } from '#dist/plan/slices.js'
import { compileKernels, Kernels } from '#dist/quant/kernels.js'
import { planFolder } from '../../test/helpers/convert-folder.ts'
import type { KernelOrders } from './floor.ts'

/**
 * A process that quantizes a sample of a plan's slices, which it has in memory, as soon as it is told to, and tells how
 * long all of them would take.
 */
interface Rate {
  all: number
  sampled: number
  milliseconds: number
}

interface Sample {
  readonly tensor: PlannedTensor
  readonly slice: Slice
}

/** Of how many slices of a type one is quantized. */
const slicesPerSample = 8
/** Weights of one call: the kernels have them in a level-2 cache. */
const callWeights = 2 ** 16

const { model, type } = JSON.parse(process.argv[2] ?? '') as KernelOrders
const plan = await planFolder(model, type)
const sources = await Promise.all(plan.sources.map(({ path }) => openLocalFile(path)))
const kernels = new Kernels(compileKernels())
const weights = kernels.reserve(4 * largest((slice) => slice.weights))
const blocks = kernels.reserve(largest((slice) => slice.byteLength))
const rates = new Map<GgmlType, Rate>()

const samples = choose(plan)
await measure(samples.filter((_, index) => index % 4 === 0))
for (const rate of rates.values()) Object.assign(rate, { sampled: 0, milliseconds: 0 })
process.send?.('ready')
await once(process, 'message')
await measure(samples)
await Promise.all(sources.map((source) => source.close()))
const seconds = [...rates.values()].map((rate) => (rate.milliseconds / 1000) * (rate.all / rate.sampled))
process.send?.(seconds.reduce((sum, time) => sum + time, 0))

/** Every eighth slice of each type, and how many weights each type has. */
function choose({ tensors }: Plan): Sample[] {
  const chosen: Sample[] = []
  const seen = new Map<GgmlType, number>()
  for (const tensor of tensors.filter(({ source }) => source.kind === 'rows')) {
    const rate = rates.get(tensor.type) ?? { all: 0, sampled: 0, milliseconds: 0 }
    rates.set(tensor.type, { ...rate, all: rate.all + tensor.rows * tensor.columns })
    for (let index = 0; index < sliceCount(tensor); index++) {
      const number = seen.get(tensor.type) ?? 0
      seen.set(tensor.type, number + 1)
      if (number % slicesPerSample === 0) chosen.push({ tensor, slice: sliceOf(tensor, index) })
    }
  }
  return chosen
}

async function measure(some: readonly Sample[]): Promise<void> {
  for (const { tensor, slice } of some) {
    for (const { source, offset, byteLength, target } of sliceSegments(tensor, slice)) {
      await sources[source]?.read(new Uint8Array(kernels.memory.buffer, weights + target, byteLength), offset)
    }
    const rate = rates.get(tensor.type)
    if (rate === undefined) throw new Error(`${tensor.type} was not counted`)
    const rows = Math.max(1, Math.floor(callWeights / tensor.columns))
    const bytes = slice.byteLength / slice.rows
    for (let row = 0; row < slice.rows; row += rows) {
      const count = Math.min(rows, slice.rows - row) * tensor.columns
      const address = weights + 4 * row * tensor.columns
      // The first reading of memory is no part of the kernels' work.
      kernels.countNonFinite(address, count)
      const begun = performance.now()
      kernels.quantize(tensor.type, address, blocks + row * bytes, count)
      rate.milliseconds += performance.now() - begun
    }
    rate.sampled += slice.weights
  }
}

function largest(size: (slice: Slice) => number): number {
  return Math.max(...plan.tensors.map((tensor) => size(sliceOf(tensor, 0))))
}
