import { join } from 'node:path'
import { type ConvertOutcome, convert } from '#dist/convert/convert.js'
import type { ConvertOptions } from '#dist/convert/run.js'
import { openModelFolder } from '#dist/formats/safetensors/open-folder.js'
import { describeModel } from '#dist/model/describe.js'
import { makePlan } from '#dist/plan/make-plan.js'
import type { Plan } from '#dist/plan/plan.js'
import { plainRequest } from '#dist/plan/plan-request.js'
import type { MixName } from '#dist/quant/choose-types.js'
import { type RecipeName, recipe } from '#dist/quant/recipes.js'
import { smallPre } from './small-model.ts'

export async function planFolder(folder: string, type: RecipeName, mix: MixName = 'latest'): Promise<Plan> {
  const model = await openModelFolder(folder)
  const description = await describeModel(model, { overrides: new Map(), pre: smallPre })
  return makePlan(model, description, plainRequest(recipe(type), mix))
}

/** Options of a plain run of two threads, with the state beside the output. */
export function convertOptions(output: string, changes: Partial<ConvertOptions> = {}): ConvertOptions {
  return {
    output,
    model: 'test model',
    version: 'test',
    contradictions: [],
    stateDirectory: join(output, '..', 'state'),
    threads: 2,
    maxMemory: 2 ** 30,
    force: false,
    restart: false,
    stop: new AbortController().signal,
    onEvent: () => {},
    ...changes,
  }
}

/** Converts a small model from start to end. */
export async function convertFolder(
  folder: string,
  type: RecipeName,
  output: string,
  changes: Partial<ConvertOptions> = {},
): Promise<ConvertOutcome> {
  return convert(await planFolder(folder, type), convertOptions(output, changes))
}
