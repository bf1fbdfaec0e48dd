import { mkdir } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { RecipeName } from '#dist/quant/recipes.js'
import { mebibytes, rounded } from './conversion/contest.ts'
import { measureFloor } from './conversion/floor.ts'
import { inPlace, narrowShape, type Place, weightsOf } from './conversion/place.ts'
import { machine } from './machine.ts'
import { median } from './median.ts'
import { writeResults } from './results.ts'

/**
 * Two recipes in one pass over the source, F32 with 283 M weights: against one after the other, and against the kernels
 * of both.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    types: { type: 'string', default: 'Q3_K_M,Q2_K' },
    folder: { type: 'string' },
  },
})
const threads = Number(values.threads)
const types = values.types.split(',') as RecipeName[]

interface Round {
  readonly togetherSeconds: number
  readonly apartSeconds: number
  readonly kernelSeconds: number
}

await inPlace(values.folder, async (place) => {
  const model = await place.model(narrowShape)
  const rounds: Round[] = []
  let peakBytes = 0
  for (let round = 0; round < Number(values.rounds); round++) {
    const together = await convertTo(place, model, types)
    peakBytes = Math.max(peakBytes, together.peakBytes)
    let apartSeconds = 0
    let kernelSeconds = 0
    for (const type of types) {
      apartSeconds += (await convertTo(place, model, [type])).seconds
      kernelSeconds += (await measureFloor({ model, type }, threads)).kernelSeconds / threads
    }
    rounds.push({ togetherSeconds: together.seconds, apartSeconds, kernelSeconds })
  }
  const middle = (figure: (round: Round) => number) => rounded(median(rounds.map(figure)))
  const figures = {
    togetherSeconds: middle((round) => round.togetherSeconds),
    apartSeconds: middle((round) => round.apartSeconds),
    kernelSeconds: middle((round) => round.kernelSeconds),
    overKernels: middle((round) => round.togetherSeconds / round.kernelSeconds),
    ofApart: middle((round) => round.togetherSeconds / round.apartSeconds),
    peakBytes,
  }
  console.log(
    `${types.join(' and ')}: ${figures.togetherSeconds} s together, ${figures.apartSeconds} s apart, ` +
      `kernels ${figures.kernelSeconds} s: ${figures.overKernels} × them; peak ${mebibytes(peakBytes)} MiB`,
  )
  await writeResults('pairs', { ...machine(), threads, types, weights: weightsOf(narrowShape), ...figures })
})

async function convertTo(place: Place, model: string, wanted: readonly RecipeName[]) {
  const folder = place.path(`pair-${wanted.length}`)
  await mkdir(folder, { recursive: true })
  // The name that a folder gives an output is the model's: the same for all rounds.
  return place.convert([model, '--type', wanted.join(','), '--out', folder, '--threads', String(threads)])
}
