import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { RecipeName } from '#dist/quant/recipes.js'
import { bench851Shape } from '../fixtures/model-shapes.ts'
import { contest, describe, rounded } from './conversion/contest.ts'
import { type Floor, measureFloor } from './conversion/floor.ts'
import { inPlace, type Place, weightsOf } from './conversion/place.ts'
import { machine } from './machine.ts'
import { median } from './median.ts'
import { writeResults } from './results.ts'

/**
 * The whole conversion of the 851 M-weight model, F32 to Q3_K_M, against llama.cpp's quantizer with as many threads;
 * and against what no conversion can be faster than: the reading of the source, or the kernels alone.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    type: { type: 'string', default: 'Q3_K_M' },
    folder: { type: 'string' },
  },
})
const threads = Number(values.threads)
const type = values.type as RecipeName

await inPlace(values.folder, async (place) => {
  const model = await place.model(bench851Shape)
  const floors: Floor[] = []
  const outcome = await contest(
    place,
    { model, dtype: 'F32', type, threads, rounds: Number(values.rounds) },
    async () => {
      floors.push(await measureFloor({ model, type }, threads))
    },
  )
  const readSeconds = rounded(median(floors.map((floor) => floor.readSeconds)))
  const kernelSeconds = rounded(median(floors.map((floor) => floor.kernelSeconds)))
  const overFloor = rounded(outcome.oursSeconds / Math.max(readSeconds, kernelSeconds / threads))
  const extraDisk = await diskBeside(place)
  console.log(`${describe(outcome)}; rounds ${outcome.ratios.join(', ')}`)
  console.log(`reading ${readSeconds} s, kernels ${kernelSeconds} s of one thread: ${overFloor} × the larger share`)
  console.log(`disk besides the output: ${extraDisk} bytes`)
  const floor = { readSeconds, kernelSeconds, overFloor }
  const weights = weightsOf(bench851Shape)
  await writeResults(`conversion-${type}`, { ...machine(), threads, type, weights, ...outcome, ...floor, extraDisk })
})

/** Bytes that lie in the state directory and beside the output, without the output itself. */
async function diskBeside(place: Place): Promise<number> {
  const names = (await readdir(place.state)).map((name) => join(place.state, name))
  const paths = [...names, place.path('ours.gguf.report.json')]
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
