import { parseArgs } from 'node:util'
import type { RecipeName } from '#dist/quant/recipes.js'
import { contest, describe, type Outcome } from './conversion/contest.ts'
import { inPlace, narrowShape, type SourceType, weightsOf } from './conversion/place.ts'
import { machine } from './machine.ts'
import { writeResults } from './results.ts'

/** Whole conversions of a model of 231 M weights against llama.cpp's: recipes from F32, and one from each source type. */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    types: { type: 'string', default: 'Q2_K,Q3_K_M,Q4_K_M,Q5_K_M,Q6_K,Q8_0,Q4_0' },
    /** That the other source types are converted to. */
    across: { type: 'string', default: 'Q4_K_M' },
    folder: { type: 'string' },
  },
})
const threads = Number(values.threads)
const rounds = Number(values.rounds)

const wished: (readonly [SourceType, RecipeName])[] = [
  ...(values.types.split(',') as RecipeName[]).map((type) => ['F32', type] as const),
  ...(['F16', 'BF16'] as const).map((dtype) => [dtype, values.across as RecipeName] as const),
]

await inPlace(values.folder, async (place) => {
  const conversions: ({ readonly dtype: SourceType; readonly type: RecipeName } & Outcome)[] = []
  for (const [dtype, type] of wished) {
    const model = await place.model(narrowShape, dtype)
    const outcome = await contest(place, { model, dtype, type, threads, rounds })
    console.log(`${`${dtype} to ${type}`.padEnd(16)} ${describe(outcome)}`)
    conversions.push({ dtype, type, ...outcome })
  }
  await writeResults('recipes', { ...machine(), threads, rounds, weights: weightsOf(narrowShape), conversions })
})
