import { parseArgs } from 'node:util'
import { bufferRoom, threadsWithin } from '#dist/convert/thread-budget.js'
import { type RecipeName, recipeNames } from '#dist/quant/recipes.js'
import type { ModelShape } from '../fixtures/model-shapes.ts'
import { planFolder } from '../test/helpers/convert-folder.ts'
import { mebibytes } from './conversion/contest.ts'
import { inPlace, type SourceType } from './conversion/place.ts'
import { machine } from './machine.ts'
import { writeResults } from './results.ts'

/**
 * Highest resident memory of whole conversions, one for each recipe, beside the smallest `--max-memory` that allows
 * their threads. Only those that need an importance matrix are left out.
 */
const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    types: { type: 'string', default: '' },
    folder: { type: 'string' },
  },
})
const threads = Number(values.threads)
const types = values.types === '' ? recipeNames : (values.types.split(',') as RecipeName[])
/** Rows as long as those of large models, and every tensor longer than a slice; 52 M weights. */
const shape: ModelShape = {
  layers: 1,
  hidden: 1024,
  feedForward: 4096,
  heads: 8,
  kvHeads: 2,
  headSize: 128,
  vocabulary: 16544,
}
const mebibyte = 2 ** 20

await inPlace(values.folder, async (place) => {
  const runs: { dtype: SourceType; type: RecipeName; budgetBytes: number; peakBytes: number }[] = []
  for (const dtype of ['F32', 'BF16'] as const) {
    const model = await place.model(shape, dtype)
    for (const type of types) {
      const budgetBytes = await smallestBudget(model, type)
      if (budgetBytes === undefined) continue
      const limits = ['--threads', String(threads), '--max-memory', `${budgetBytes / mebibyte}M`]
      const { peakBytes } = await place.convert([model, '--type', type, '--out', place.path('ours.gguf'), ...limits])
      const excess = peakBytes > budgetBytes ? '  MORE THAN THE BUDGET' : ''
      console.log(`${dtype} to ${type}: ${mebibytes(peakBytes)} of ${mebibytes(budgetBytes)} MiB${excess}`)
      if (excess !== '') process.exitCode = 1
      runs.push({ dtype, type, budgetBytes, peakBytes })
    }
  }
  if (values.types === '') await writeResults('memory', { ...machine(), threads, runs })
})

/** Whole mebibytes; undefined for a recipe that cannot be planned without more than a model. */
async function smallestBudget(model: string, type: RecipeName): Promise<number | undefined> {
  const plan = await planFolder(model, type).catch((error: Error) => {
    console.log(`${type}: left out: ${error.message}`)
    return undefined
  })
  if (plan === undefined) return undefined
  for (let budget = 64 * mebibyte; ; budget += mebibyte) {
    if (fits(budget, bufferRoom(plan))) return budget
  }
}

function fits(budget: number, room: ReturnType<typeof bufferRoom>): boolean {
  try {
    return threadsWithin(budget, threads, room) === threads
  } catch {
    return false
  }
}
