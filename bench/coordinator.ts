import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { convert } from '#dist/convert/convert.js'
import { sumTotals } from '#dist/convert/report.js'
import { sliceCount } from '#dist/plan/slices.js'
import type { RecipeName } from '#dist/quant/recipes.js'
import { writeCl100kTokenizer } from '../fixtures/cl100k-tokenizer.ts'
import { writeModelFolder } from '../fixtures/model-folder.ts'
import { bench851Shape } from '../fixtures/model-shapes.ts'
import { convertOptions, planFolder } from '../test/helpers/convert-folder.ts'
import { measureBatches } from './coordinator/batches.ts'
import type { ClientOrders, Phase, PhaseName } from './coordinator/client.ts'
import type { CoordinatorOrders, Opened } from './coordinator/process.ts'
import { type ProcessorTime, processorTime } from './coordinator/processor-time.ts'
import { machine } from './machine.ts'
import { median } from './median.ts'
import { writeResults } from './results.ts'

/**
 * What a coordinator can do for its workers, by the parts that a daemon uses: listener, checks, output and bookmarks,
 * with a worker that has every slice ready, in a process of its own on the same machine. Bytes of sources handed out;
 * slices taken by upload and from a shared folder; and what a batch costs to make durable. Beside the rate stands the
 * processor's time of the coordinator, which does not depend on what else the machine had to do meanwhile: that of its
 * main thread says where one process ends.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    together: { type: 'string', default: '8' },
    type: { type: 'string', default: 'Q3_K_M' },
    rates: { type: 'string', default: 'Q2_K,Q3_K_M,Q4_K_M,Q6_K,Q8_0' },
    folder: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const rangeBytes = 2 * 2 ** 30
const type = values.type as RecipeName
const place = values.folder ?? (await mkdtemp(join(tmpdir(), 'mibera-bench-')))
const model = join(place, 'model-bf16')

interface Figures {
  readonly seconds: number
  readonly bytes: number
  readonly count: number
  readonly processor: ProcessorTime
}

const measured = new Map<string, Figures[]>()

try {
  await prepare()
  const threadRates = await measureThreads(values.rates.split(',') as RecipeName[])
  const plan = await planFolder(model, type)
  const finished = outputOf(type)
  for (let round = 1; round <= rounds; round++) {
    await serve('http', { sharedResults: false, tls: false }, rangeBytes)
    await serve('https', { sharedResults: false, tls: true }, rangeBytes)
    await serve('shared', { sharedResults: true, tls: false }, 0)
    console.log(`round ${round} of ${rounds}`)
  }
  const slices = plan.tensors.reduce((sum, tensor) => sum + sliceCount(tensor), 0)
  const sliceBytes = (await stat(finished)).size / slices
  const batch = await measureBatches(join(place, 'batches'), plan, sliceBytes)
  const figures = Object.fromEntries([...measured].map(([name, runs]) => [name, summary(runs)]))
  console.log(figures, batch, threadRates)
  await writeResults('coordinator', {
    ...machine(),
    rounds,
    type,
    together: Number(values.together),
    slices,
    ...figures,
    batch,
    threadRates,
  })

  async function serve(
    name: string,
    wishes: Pick<CoordinatorOrders, 'sharedResults' | 'tls'>,
    ranges: number,
  ): Promise<void> {
    const output = join(place, 'elsewhere.gguf')
    const orders: CoordinatorOrders = { model, type, output, ...wishes }
    const coordinator = start('./coordinator/process.ts', orders)
    const ended = once(coordinator, 'exit')
    const [opened] = (await Promise.race([once(coordinator, 'message'), failed(ended)])) as [Opened]
    const client = start('./coordinator/client.ts', {
      ...opened,
      finished,
      rangeBytes: ranges,
      together: Number(values.together),
    } satisfies ClientOrders)
    const marks = new Map<PhaseName, { at: number; processor: ProcessorTime }>()
    client.on('message', ({ phase, end, bytes, count }: Phase) => {
      const now = { at: performance.now(), processor: processorTime(coordinator.pid ?? 0) }
      const begun = marks.get(phase)
      if (!end || begun === undefined) {
        marks.set(phase, now)
        return
      }
      const processor = {
        loop: now.processor.loop - begun.processor.loop,
        all: now.processor.all - begun.processor.all,
      }
      note(`${name}/${phase}`, { seconds: (now.at - begun.at) / 1000, bytes, count, processor })
    })
    const [failure] = await once(client, 'exit')
    if (failure !== 0) throw new Error(`the client ended with ${failure}`)
    // What was delivered is read back and published, as always.
    const [status] = await ended
    if (status !== 0) throw new Error(`the coordinator ended with ${status}`)
  }
} finally {
  if (values.folder === undefined) await rm(place, { recursive: true, force: true })
}

async function prepare(): Promise<void> {
  if ((await stat(join(model, 'config.json')).catch(() => undefined)) !== undefined) return
  console.log(`preparing ${place} (1.7 GB) …`)
  await writeModelFolder(model, bench851Shape, {
    dtype: 'BF16',
    extras: (folder) => writeCl100kTokenizer(folder, { tokens: 16_000 }),
  })
}

function outputOf(recipe: RecipeName): string {
  return join(place, `${recipe}.gguf`)
}

/** Weights per second that one thread makes, digest and error figures included, reading not; by recipe. */
async function measureThreads(recipes: readonly RecipeName[]): Promise<Record<string, object>> {
  const rates: Record<string, object> = {}
  for (const recipe of new Set([type, ...recipes])) {
    const output = outputOf(recipe)
    const outcome = await convert(await planFolder(model, recipe), convertOptions(output, { threads: 1, force: true }))
    if (outcome.kind !== 'published') throw new Error('stopped')
    const { weights, threadSeconds, bitsPerWeight } = sumTotals(outcome.reports)
    rates[recipe] = { weightsPerSecond: Math.round(weights / threadSeconds), bitsPerWeight }
    if (recipe !== type) await rm(output)
    console.log(`${recipe}: ${(weights / threadSeconds / 1e6).toFixed(0)} M weights/s per thread`)
  }
  return rates
}

function start(script: string, orders: object) {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const path = fileURLToPath(new URL(script, import.meta.url))
  return fork(path, [JSON.stringify(orders)], { execArgv: ['--import', loader] })
}

async function failed(ended: Promise<unknown[]>): Promise<never> {
  throw new Error(`the coordinator ended with ${(await ended)[0]} before it listened`)
}

function note(name: string, figures: Figures): void {
  measured.set(name, [...(measured.get(name) ?? []), figures])
}

function summary(runs: readonly Figures[]): object {
  return {
    bytesPerSecond: Math.round(median(runs.map(({ bytes, seconds }) => bytes / seconds))),
    perSecond: Math.round(median(runs.map(({ count, seconds }) => count / seconds))),
    bytesEach: Math.round((runs[0]?.bytes ?? Number.NaN) / (runs[0]?.count ?? Number.NaN)),
    loopMillisecondsEach: Number(
      median(runs.map(({ count, processor }) => (1000 * processor.loop) / count)).toFixed(3),
    ),
    processorMillisecondsEach: Number(
      median(runs.map(({ count, processor }) => (1000 * processor.all) / count)).toFixed(3),
    ),
  }
}
