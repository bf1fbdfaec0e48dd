import { join } from 'node:path'
import { type ConvertOutcome, convert } from '#dist/convert/convert.js'
import type { ConvertOptions } from '#dist/convert/run.js'
import { isGgufPath, openModel } from '#dist/model/open-model.js'
import { makePlan } from '#dist/plan/make-plan.js'
import type { Plan } from '#dist/plan/plan.js'
import { type PlanRequest, plainRequest } from '#dist/plan/plan-request.js'
import type { MixName } from '#dist/quant/choose-types.js'
import { type RecipeName, recipe } from '#dist/quant/recipes.js'
import { smallPre } from './small-model.ts'

export async function planFolder(folder: string, type: RecipeName, mix: MixName = 'latest'): Promise<Plan> {
  return planOutputs(folder, [type], { mix })
}

/** A plan of several recipes, or with other wishes. @param model folder or GGUF */
export async function planOutputs(
  model: string,
  types: readonly RecipeName[],
  wishes: Partial<PlanRequest> = {},
): Promise<Plan> {
  const answers = isGgufPath(model) ? {} : { pre: smallPre }
  const { input, description } = await openModel(model, { overrides: new Map(), ...answers })
  return makePlan(input, description, { ...plainRequest(recipe('F32')), recipes: types.map(recipe), ...wishes })
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
