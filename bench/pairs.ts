import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { RecipeName } from '#dist/quant/recipes.js'
import { bench851Shape } from '../fixtures/model-shapes.ts'
import { mebibytes, rounded } from './conversion/contest.ts'
import { measureFloor } from './conversion/floor.ts'
import { inPlace, type Place, weightsOf } from './conversion/place.ts'
import { secondsUntil } from './conversion/program.ts'
import { machine } from './machine.ts'
import { median } from './median.ts'
import { writeResults } from './results.ts'

/**
 * Two recipes in one pass over the source, F32 with 851 M weights: against one after the other, and against the kernels
 * of both. Beside the whole process stand the pass itself, from the first slice until all are durable, and what its
 * threads computed for the slices: kernels, error figures and checksums.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    types: { type: 'string', default: 'Q3_K_M,Q2_K' },
    folder: { type: 'string' },
  },
})
const threads = Number(values.threads)
const types = values.types.split(',') as RecipeName[]

interface Round {
  readonly togetherSeconds: number
  readonly passSeconds: number
  readonly makingSeconds: number
  readonly apartSeconds: number
  readonly kernelSeconds: number
}

await inPlace(values.folder, async (place) => {
  const model = await place.model(bench851Shape)
  const rounds: Round[] = []
  let peakBytes = 0
  for (let round = 0; round < Number(values.rounds); round++) {
    const together = await convertTo(place, model, types)
    peakBytes = Math.max(peakBytes, together.peakBytes)
    const passSeconds =
      secondsUntil('Reading the files back', together.said) - secondsUntil('Converting', together.said)
    const makingSeconds = (await threadSeconds(place)) / threads
    let apartSeconds = 0
    let kernelSeconds = 0
    for (const type of types) {
      apartSeconds += (await convertTo(place, model, [type])).seconds
      kernelSeconds += (await measureFloor({ model, type }, threads)).kernelSeconds / threads
    }
    rounds.push({ togetherSeconds: together.seconds, passSeconds, makingSeconds, apartSeconds, kernelSeconds })
  }
  const middle = (figure: (round: Round) => number) => rounded(median(rounds.map(figure)))
  const figures = {
    togetherSeconds: middle((round) => round.togetherSeconds),
    passSeconds: middle((round) => round.passSeconds),
    makingSeconds: middle((round) => round.makingSeconds),
    apartSeconds: middle((round) => round.apartSeconds),
    kernelSeconds: middle((round) => round.kernelSeconds),
    overKernels: middle((round) => round.togetherSeconds / round.kernelSeconds),
    passOverKernels: middle((round) => round.passSeconds / round.kernelSeconds),
    makingOverKernels: middle((round) => round.makingSeconds / round.kernelSeconds),
    ofApart: middle((round) => round.togetherSeconds / round.apartSeconds),
    peakBytes,
  }
  console.log(
    `${types.join(' and ')}: ${figures.togetherSeconds} s together, ${figures.apartSeconds} s apart, ` +
      `kernels ${figures.kernelSeconds} s: ${figures.overKernels} × them, the pass ${figures.passOverKernels} ×, the slices ${figures.makingOverKernels} ×; peak ${mebibytes(peakBytes)} MiB`,
  )
  await writeResults('pairs', { ...machine(), threads, types, weights: weightsOf(bench851Shape), ...figures })
})

/** That the threads computed for the slices of both, as the reports say. */
async function threadSeconds(place: Place): Promise<number> {
  const folder = place.path(`pair-${types.length}`)
  const reports = (await readdir(folder)).filter((name) => name.endsWith('.report.json'))
  const each = await Promise.all(
    reports.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')).totals.threadSeconds as number),
  )
  return each.reduce((sum, seconds) => sum + seconds, 0)
}

async function convertTo(place: Place, model: string, wanted: readonly RecipeName[]) {
  const folder = place.path(`pair-${wanted.length}`)
  // Nothing is there to be replaced: to let go of an earlier output's bytes takes the disk a while.
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  return place.convert(model, ['--type', wanted.join(','), '--out', folder, '--threads', String(threads)])
}
