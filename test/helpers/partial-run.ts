import { createHash } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach } from 'vitest'
import { convert } from '#dist/convert/convert.js'
import type { ConvertEvent } from '#dist/convert/events.js'
import type { ConvertOptions } from '#dist/convert/run.js'
import type { Plan, PlannedTensor } from '#dist/plan/plan.js'
import type { RecipeName } from '#dist/quant/recipes.js'
import type { ModelFolderOptions } from '../../fixtures/model-folder.ts'
import { convertOptions, planFolder } from './convert-folder.ts'
import { writeSmallModel } from './small-model.ts'

/** Every finished slice is bookmarked as soon as the bookmarks before it are written. */
const smallestBatch = { milliseconds: 0, bytes: 0 }

export interface PartialRun {
  /** Whose slices were made and bookmarked, in order. */
  readonly made: readonly PlannedTensor[]
  readonly events: readonly ConvertEvent[]
}

/** Runs a plan and stops it by its signal when `slices` slices are made; those in hand are finished too. */
export async function runPart(
  plan: Plan,
  output: string,
  slices: number,
  changes: Partial<ConvertOptions> = {},
): Promise<PartialRun> {
  const controller = new AbortController()
  const events: ConvertEvent[] = []
  const outcome = await convert(
    plan,
    convertOptions(output, {
      threads: 1,
      batch: smallestBatch,
      stop: controller.signal,
      onEvent: (event) => {
        events.push(event)
        if (events.filter(({ kind }) => kind === 'slice').length >= slices) controller.abort()
      },
      ...changes,
    }),
  )
  if (outcome.kind !== 'stopped') throw new Error(`the run was to be stopped, but it was ${outcome.kind}`)
  return { events, made: madeBy(events) }
}

export interface WholeRun {
  readonly events: readonly ConvertEvent[]
  /** Slices of earlier runs that were used again. */
  readonly kept: number
  readonly discarded: number
  /** Slices made. */
  readonly made: number
  /** Of the file. */
  readonly sha256: string
}

/** Runs a plan to its end, going on where an earlier run stopped. */
export async function runToEnd(plan: Plan, output: string, changes: Partial<ConvertOptions> = {}): Promise<WholeRun> {
  const events: ConvertEvent[] = []
  const outcome = await convert(plan, convertOptions(output, { onEvent: (event) => events.push(event), ...changes }))
  if (outcome.kind !== 'published') throw new Error(`the run was ${outcome.kind}`)
  const begun = events.find((event) => event.kind === 'begun')
  return {
    events,
    kept: begun?.doneSlices ?? 0,
    discarded: events.reduce((sum, event) => sum + (event.kind === 'discarded' ? event.slices : 0), 0),
    made: madeBy(events).length,
    sha256: await fileSha256(output),
  }
}

/** Writes the small model into a folder, and converts it there without interruption: what others are held against. */
export async function wholeConversion(
  folder: string,
  recipe: RecipeName,
  model: ModelFolderOptions = {},
): Promise<WholeRun & { readonly plan: Plan }> {
  await writeSmallModel(folder, model)
  const plan = await planFolder(folder, recipe)
  await mkdir(join(folder, 'whole'))
  return { plan, ...(await runToEnd(plan, join(folder, 'whole', 'small.gguf'))) }
}

/** Before each test, the folder is there and empty. */
export function emptyFolder(path: () => string): void {
  beforeEach(async () => {
    await rm(path(), { recursive: true, force: true })
    await mkdir(path())
  })
}

function madeBy(events: readonly ConvertEvent[]): PlannedTensor[] {
  return events.flatMap((event) => (event.kind === 'slice' ? [event.tensor] : []))
}

export async function fileSha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}
