import { parseArgs } from 'node:util'
import type { RecipeName } from '#dist/quant/recipes.js'
import { contest, describe, type Outcome } from './conversion/contest.ts'
import { inPlace, narrowShape, weightsOf } from './conversion/place.ts'
import { machine } from './machine.ts'
import { writeResults } from './results.ts'

/** Whole conversions of a model of 231 M weights from F32 with 1, 2 and 4 threads, against llama.cpp's with as many. */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1,2,4' },
    type: { type: 'string', default: 'Q3_K_M' },
    folder: { type: 'string' },
  },
})
const type = values.type as RecipeName
const rounds = Number(values.rounds)

await inPlace(values.folder, async (place) => {
  const model = await place.model(narrowShape)
  const counts: ({ readonly threads: number } & Outcome)[] = []
  for (const threads of values.threads.split(',').map(Number)) {
    const outcome = await contest(place, { model, dtype: 'F32', type, threads, rounds })
    console.log(`${threads} threads: ${describe(outcome)}`)
    counts.push({ threads, ...outcome })
  }
  await writeResults('threads', { ...machine(), type, rounds, weights: weightsOf(narrowShape), counts })
})
