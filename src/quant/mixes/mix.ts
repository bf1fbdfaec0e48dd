import type { GgmlType } from '../../formats/ggml/block-types.ts'
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
  /** What replaces a type whose blocks of 256 weights do not divide the rows. */
  readonly fallbacks: Readonly<Partial<Record<GgmlType, GgmlType>>>
}
