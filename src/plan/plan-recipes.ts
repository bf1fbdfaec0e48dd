import { MiberaError } from '../base/errors.ts'
import type { ModelInput } from '../formats/model-input.ts'
import type { ModelDescription } from '../model/description.ts'
import { type RecipeName, recipe, recipeNames } from '../quant/recipes.ts'
import { makePlan } from './make-plan.ts'
import type { Plan } from './plan.ts'
import { planSize } from './plan-files.ts'
import type { PlanRequest } from './plan-request.ts'

/** A recipe that this model cannot have, and why. */
export interface RefusedRecipe {
  readonly recipe: RecipeName
  readonly error: MiberaError
}

/** The plans under each of these recipes, the smallest output first, and the recipes that the model cannot have. */
export function planEachRecipe(
  input: ModelInput,
  model: ModelDescription,
  request: Omit<PlanRequest, 'recipes'>,
  names: readonly RecipeName[] = recipeNames,
): { readonly plans: readonly Plan[]; readonly refused: readonly RefusedRecipe[] } {
  const plans: Plan[] = []
  const refused: RefusedRecipe[] = []
  for (const name of names) {
    try {
      plans.push(makePlan(input, model, { ...request, recipes: [recipe(name)] }))
    } catch (error) {
      if (!(error instanceof MiberaError) || !refusals.has(error.code)) throw error
      refused.push({ recipe: name, error })
    }
  }
  return { plans: plans.sort((a, b) => planSize(a) - planSize(b)), refused }
}

const refusals: ReadonlySet<string> = new Set(['IMPORTANCE_MISSING', 'TYPE_UNSUPPORTED', 'REQUANTIZE_REFUSED'])
