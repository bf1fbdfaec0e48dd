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
  /**
   * What replaces a type whose blocks do not divide the rows; where not even that one fits, or nothing is named, F16.
   * `refused`: llama.cpp has no replacement and stops.
   */
  readonly fallbacks: Readonly<Partial<Record<GgmlType, GgmlType | 'refused'>>>
  /** Types that are refused without an importance matrix, except for the embedding and the output projection. */
  readonly needsImportance: readonly GgmlType[]
  /** Recipes that the release does not have. */
  readonly lacks: readonly RecipeName[]
}
