import { open } from 'node:fs/promises'
import { openLocalFile } from '#dist/disk/local-file.js'
import type { GgmlType } from '#dist/formats/ggml/block-types.js'
import type { Plan, PlannedTensor } from '#dist/plan/plan.js'
import { sliceCount, sliceOf, sliceSegments } from '#dist/plan/slices.js'
import { compileKernels, Kernels } from '#dist/quant/kernels.js'

/** What no conversion can be faster than. */
export interface Floor {
  /** To read all sources once, by one thread. */
  readonly readSeconds: number
  /** To quantize all weights, by one thread that has them in memory. */
  readonly kernelSeconds: number
}

/** Of how many slices one is quantized to learn the rate of its type. */
const slicesPerSample = 8

export async function measureFloor(plan: Plan): Promise<Floor> {
  return { readSeconds: await readSeconds(plan), kernelSeconds: await kernelSeconds(plan) }
}

async function readSeconds(plan: Plan): Promise<number> {
  const buffer = new Uint8Array(4 * 2 ** 20)
  const begun = performance.now()
  for (const { path } of plan.sources) {
    const file = await open(path)
    while ((await file.read(buffer, 0, buffer.length, null)).bytesRead > 0);
    await file.close()
  }
  return (performance.now() - begun) / 1000
}

/** The time of a sample of the slices of each type, as much longer as there are more weights of the type. */
async function kernelSeconds(plan: Plan): Promise<number> {
  const sources = await Promise.all(plan.sources.map(({ path }) => openLocalFile(path)))
  const kernels = new Kernels(compileKernels())
  const weights = kernels.reserve(largest(plan, (slice) => slice.weights * Float32Array.BYTES_PER_ELEMENT))
  const blocks = kernels.reserve(largest(plan, (slice) => slice.byteLength))
  const rates = new Map<GgmlType, { all: number; sampled: number; milliseconds: number }>()
  let number = 0
  for (const tensor of plan.tensors.filter(({ source }) => source.kind === 'rows')) {
    const rate = rates.get(tensor.type) ?? { all: 0, sampled: 0, milliseconds: 0 }
    rates.set(tensor.type, rate)
    rate.all += tensor.rows * tensor.columns
    for (let index = 0; index < sliceCount(tensor); index++) {
      // The first of each type is one of them, and warms up.
      if (rate.sampled > 0 && number++ % slicesPerSample > 0) continue
      const slice = sliceOf(tensor, index)
      for (const { source, offset, byteLength, target } of sliceSegments(tensor, slice)) {
        await sources[source]?.read(new Uint8Array(kernels.memory.buffer, weights + target, byteLength), offset)
      }
      if (rate.sampled === 0) kernels.quantize(tensor.type, weights, blocks, slice.weights)
      const begun = performance.now()
      kernels.quantize(tensor.type, weights, blocks, slice.weights)
      rate.milliseconds += performance.now() - begun
      rate.sampled += slice.weights
    }
  }
  await Promise.all(sources.map((source) => source.close()))
  return [...rates.values()].reduce((sum, rate) => sum + (rate.milliseconds / 1000) * (rate.all / rate.sampled), 0)
}

function largest(plan: Plan, size: (slice: ReturnType<typeof sliceOf>) => number): number {
  return Math.max(...plan.tensors.map((tensor: PlannedTensor) => size(sliceOf(tensor, 0))))
}
