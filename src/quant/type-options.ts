import type { GgmlType } from '../formats/ggml/block-types.ts'

/** What a person wants of types beside the recipe. Source of the meanings: llama-quantize's options of these names. */
export interface TypeOptions {
  /** Types by name: the first pattern that is found in a tensor's GGUF name counts, as in llama.cpp. */
  readonly tensorTypes: readonly (readonly [pattern: RegExp, type: GgmlType])[]
  readonly outputType?: GgmlType
  readonly embeddingType?: GgmlType
  /** Do not quantize the output projection. */
  readonly leaveOutput: boolean
  /** The base type for every tensor, without the recipe's rules. */
  readonly pure: boolean
  /** Refuse where rows do not fit the wanted type, instead of choosing another one. */
  readonly noFallback: boolean
  /** Whether the importance matrix has an entry for the tensor of this GGUF name; absent: there is no matrix. */
  readonly hasImportance?: (name: string) => boolean
}

/** No wishes: the recipe decides alone. */
export const recipeDecides: TypeOptions = { tensorTypes: [], leaveOutput: false, pure: false, noFallback: false }
