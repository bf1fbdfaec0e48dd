import type { MixName } from '../quant/choose-types.ts'
import type { Recipe } from '../quant/recipes.ts'
import { recipeDecides, type TypeOptions } from '../quant/type-options.ts'
import type { GivenImportance } from './importance.ts'
import type { MetadataOverride } from './metadata-override.ts'
import type { SplitRule } from './split.ts'

/**
 * Everything a person decides about the bytes of an output. Whatever was named as a file has been read already: a plan
 * is made without looking at anything but the request, the folder's headers and the model's description.
 */
export interface PlanRequest {
  readonly recipes: readonly Recipe[]
  readonly mix: MixName
  /** Of whether tensors have importances, the plan tells the rules itself. */
  readonly types: Omit<TypeOptions, 'hasImportance'>
  /** Keys of the output; later ones win. */
  readonly metadataOverrides?: readonly MetadataOverride[]
  /** Quantize anew what is quantized already. */
  readonly allowRequantize?: boolean
  /** Files of a limited size or number of tensors; one file for each recipe where it is not given. */
  readonly split?: SplitRule
  /** The importance matrix to choose blocks by. */
  readonly importance?: GivenImportance
}

/** One recipe, and no further wishes. */
export function plainRequest(recipe: Recipe, mix: MixName = 'latest'): PlanRequest {
  return { recipes: [recipe], mix, types: recipeDecides }
}
