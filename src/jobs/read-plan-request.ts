import { parseMetadataOverride } from '../plan/metadata-override.ts'
import type { PlanRequest } from '../plan/plan-request.ts'
import type { MixName } from '../quant/choose-types.ts'
import type { Recipe } from '../quant/recipes.ts'
import { tensorPattern } from '../quant/tensor-pattern.ts'
import { recipeDecides } from '../quant/type-options.ts'
import type { JobOptions } from './job-options.ts'
import { readImportance } from './read-importance.ts'

/**
 * What is asked for, with the files read that the options name. The same options give the same request wherever they
 * come from: the command line, a stored job, a job gone on with after a crash.
 * @throws MiberaError for a file that cannot be read or is not lawful.
 */
export async function readPlanRequest(
  recipes: readonly Recipe[],
  mix: MixName,
  { types, overrideKv = [], allowRequantize = false, split, importance }: JobOptions,
): Promise<PlanRequest> {
  const tensorTypes = (types?.tensorTypes ?? []).map(([pattern, type]) => [tensorPattern(pattern), type] as const)
  return {
    ...{ recipes, mix, types: { ...recipeDecides, ...types, tensorTypes }, allowRequantize },
    metadataOverrides: overrideKv.map(parseMetadataOverride),
    ...(split === undefined ? {} : { split }),
    ...(importance === undefined ? {} : { importance: await readImportance(importance) }),
  }
}
