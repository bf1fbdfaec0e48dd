import type { ModelDescription } from '../../model/description.ts'
import type { Machine, RecipeAdvice } from '../../plan/advise.ts'
import type { Plan } from '../../plan/plan.ts'
import { planSize } from '../../plan/plan-files.ts'
import type { RefusedRecipe } from '../../plan/plan-recipes.ts'

export interface PlanFacts {
  readonly model: ModelDescription
  readonly machine: Machine
  readonly advice: readonly RecipeAdvice[]
  readonly refused: readonly RefusedRecipe[]
  readonly recommended: RecipeAdvice | undefined
  /** Tokens of context that the memory is for. */
  readonly context: number
}

/** `mibera plan --json`: the advice, and for recipes asked for by name every tensor. Sizes in bytes. */
export function planDocument(
  { model, machine, advice, refused, recommended, context }: PlanFacts,
  plans: readonly Plan[],
): object {
  return {
    model: {
      family: model.family ?? null,
      knownAs: model.knownAs ?? null,
      architecture: model.architecture,
      parameters: model.parameters,
    },
    machine: { freeDiskBytes: machine.freeDisk, memoryBytes: machine.memory },
    context,
    recommended: recommended?.recipe ?? null,
    recipes: advice,
    refused: refused.map(({ recipe, error }) => ({ recipe, code: error.code, message: error.message })),
    plans: plans.map(planJson),
  }
}

function planJson(plan: Plan): object {
  const { recipe, mix, fingerprint } = plan
  // Importances are many numbers, and say nothing to a reader.
  const tensors = plan.tensors.map(({ importance: _, ...tensor }) => tensor)
  const files = plan.files.map(({ header: _, ...file }) => file)
  return { recipe, mix, fingerprint, size: planSize(plan), files, tensors }
}
