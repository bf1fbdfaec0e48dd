import { rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { convert } from '#dist/convert/convert.js'
import { PartFile } from '#dist/disk/part-file.js'
import type { Plan } from '#dist/plan/plan.js'
import type { RecipeName } from '#dist/quant/recipes.js'
import { bench851Shape } from '../fixtures/model-shapes.ts'
import { convertOptions, planFolder } from '../test/helpers/convert-folder.ts'
import { rounded } from './conversion/contest.ts'
import { inPlace, type Place, weightsOf } from './conversion/place.ts'
import { startQuietly } from './conversion/quiet-start.ts'
import { machine } from './machine.ts'
import { median } from './median.ts'
import { writeResults } from './results.ts'

/**
 * What durability costs: the same conversion with checkpoints as usual, and with none: no sync, and commits at the end
 * only. In pairs, within one process, and so that each is first every other time.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    threads: { type: 'string', default: '2' },
    type: { type: 'string', default: 'Q3_K_M' },
    folder: { type: 'string' },
  },
})
const threads = Number(values.threads)
const type = values.type as RecipeName
const datasync = PartFile.prototype.sync

await inPlace(values.folder, async (place) => {
  const model = await place.model(bench851Shape)
  const plan = await planFolder(model, type)
  // The first conversion of a process waits for V8 to compile the kernels.
  await seconds(place, model, plan, true)
  const pairs: { usual: number; none: number }[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    const first = await seconds(place, model, plan, round % 2 === 0)
    const second = await seconds(place, model, plan, round % 2 !== 0)
    const pair = round % 2 === 0 ? { usual: first, none: second } : { usual: second, none: first }
    console.log(`round ${round + 1}: ${pair.usual.toFixed(2)} s, without checkpoints ${pair.none.toFixed(2)} s`)
    pairs.push(pair)
  }
  const usualSeconds = rounded(median(pairs.map(({ usual }) => usual)))
  const withoutSeconds = rounded(median(pairs.map(({ none }) => none)))
  const shares = pairs.map(({ usual, none }) => rounded(usual / none - 1))
  const share = rounded(median(shares))
  console.log(`checkpoints cost ${(100 * share).toFixed(1)} % (median; rounds ${shares.join(', ')})`)
  const weights = weightsOf(bench851Shape)
  await writeResults('checkpoints', {
    ...machine(),
    threads,
    type,
    weights,
    usualSeconds,
    withoutSeconds,
    share,
    shares,
  })
})

async function seconds(place: Place, model: string, plan: Plan, checkpoints: boolean): Promise<number> {
  const output = place.path('checkpoints.gguf')
  await rm(output, { force: true })
  await startQuietly(model)
  const never = { milliseconds: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }
  if (!checkpoints) PartFile.prototype.sync = async () => {}
  const begun = performance.now()
  try {
    const options = convertOptions(output, { threads, ...(checkpoints ? {} : { batch: never }) })
    const outcome = await convert(plan, options)
    if (outcome.kind !== 'published') throw new Error('stopped')
    return (performance.now() - begun) / 1000
  } finally {
    PartFile.prototype.sync = datasync
  }
}
