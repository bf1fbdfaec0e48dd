import { type ConvertOutcome, convert } from '#dist/convert/convert.js'
import type { ConvertOptions } from '#dist/convert/run.js'
import { openModel } from '#dist/model/open-model.js'
import { makePlan } from '#dist/plan/make-plan.js'
import type { Plan } from '#dist/plan/plan.js'
import { type PlanRequest, plainRequest } from '#dist/plan/plan-request.js'
import { type RecipeName, recipe } from '#dist/quant/recipes.js'
import { convertOptions } from './convert-folder.ts'

export async function planGguf(path: string, type: RecipeName, wishes: Partial<PlanRequest> = {}): Promise<Plan> {
  const { input, description } = await openModel(path, { overrides: new Map() })
  return makePlan(input, description, { ...plainRequest(recipe(type)), ...wishes })
}

/** Converts a GGUF from start to end. */
export async function convertGguf(
  path: string,
  type: RecipeName,
  output: string,
  wishes: Partial<PlanRequest> = {},
  changes: Partial<ConvertOptions> = {},
): Promise<ConvertOutcome> {
  return convert(await planGguf(path, type, wishes), convertOptions(output, changes))
}
