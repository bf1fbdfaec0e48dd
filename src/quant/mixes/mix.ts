import type { GgmlType } from '../../formats/ggml/block-types.ts'
import type { RecipeName } from '../recipes.ts'
import type { TensorCategory } from '../tensor-category.ts'

/** Where llama.cpp's releases choose types differently; everything else is common to them. */
export interface Mix {
  /**
   * The order in which tensors are counted as "the i-th attention value", "the i-th feed-forward down": as they stand
   * in the file, or by layer number, then name.
   */
  readonly countsBy: 'file-order' | 'layer'
  /** Categories typed, and counted together, by the rule for attention values. */
  readonly valueLike: readonly TensorCategory[]
  /** Those that make up the number of all attention values, even where the rule for them does not apply. */
  readonly countedAsValues: readonly TensorCategory[]
  /**
   * What replaces a type whose blocks do not divide the rows; where not even that one fits, or nothing is named, F16.
   * `refused`: llama.cpp has no replacement and stops.
   */
  readonly fallbacks: Readonly<Partial<Record<GgmlType, GgmlType | 'refused'>>>
  /** Whether a tensor is refused without importances. */
  readonly needsImportance: (type: GgmlType, category: TensorCategory, recipe: RecipeName) => boolean
  /** Parts of the names of matrices that are not quantized, beside those that no release does. */
  readonly keptParts: readonly string[]
  /** How many layers a model of an architecture has that llama.cpp takes for a 70B one. */
  readonly layersOf70B: Readonly<Record<string, number>>
  /** Recipes that the release does not have. */
  readonly lacks: readonly RecipeName[]
}
