import { mkdir, rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { readPlanRequest } from '#dist/jobs/read-plan-request.js'
import { type OpenedModel, openModel } from '#dist/model/open-model.js'
import { makePlan } from '#dist/plan/make-plan.js'
import type { Plan } from '#dist/plan/plan.js'
import { recipeList } from '#dist/quant/recipes.js'
import { smallestBudget } from '../test/helpers/smallest-budget.ts'
import { mebibytes } from './conversion/contest.ts'
import { inPlace, type Place } from './conversion/place.ts'
import { machine } from './machine.ts'
import { type MemoryCase, memoryCases } from './memory/cases.ts'
import { MemoryModels } from './memory/models.ts'
import { writeResults } from './results.ts'

/**
 * Highest resident memory of whole conversions beside the smallest `--max-memory` that allows their threads. Ends with
 * an error where one is above.
 */
const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    /** Only cases whose kind has this in it, whose figures are then not kept. */
    kind: { type: 'string', default: '' },
    folder: { type: 'string' },
  },
})
const threads = Number(values.threads)
const opened = new Map<string, Promise<OpenedModel>>()

await inPlace(values.folder, async (place) => {
  const models = new MemoryModels(place)
  const runs: { kind: string; model: string; types: string; budgetBytes: number; peakBytes: number }[] = []
  for (const one of memoryCases(await models.imatrix())) {
    const { kind, model, types } = one
    if (!kind.includes(values.kind)) continue
    const run = await measure(place, one, await models.path(model))
    const excess = run.peakBytes > run.budgetBytes
    const figures = `${mebibytes(run.peakBytes)} of ${mebibytes(run.budgetBytes)} MiB`
    console.log(`${kind}: ${model} to ${types}: ${figures}${excess ? '  MORE THAN THE BUDGET' : ''}`)
    if (excess) process.exitCode = 1
    runs.push({ kind, model, types, ...run })
  }
  if (values.kind === '') await writeResults('memory', { ...machine(), threads, runs })
})

async function measure(place: Place, { types, wish }: MemoryCase, model: string) {
  const budgetBytes = smallestBudget(await planOf(model, types, wish.options), threads)
  const limits = ['--threads', String(threads), '--max-memory', `${budgetBytes / 2 ** 20}M`]
  const out = place.path('out')
  await mkdir(out)
  try {
    const { peakBytes } = await place.convert(model, ['--type', types, '--out', out, ...wish.words, ...limits], [])
    return { budgetBytes, peakBytes }
  } finally {
    await rm(out, { recursive: true })
  }
}

async function planOf(model: string, types: string, options: MemoryCase['wish']['options']): Promise<Plan> {
  const opening = opened.get(model) ?? openModel(model, { overrides: new Map() })
  opened.set(model, opening)
  const { input, description } = await opening
  return makePlan(input, description, await readPlanRequest(recipeList(types) ?? [], 'latest', options))
}
