import type { GgmlType } from '../formats/ggml/block-types.ts'

/**
 * What a person asks for with `--type`: a base type, and (for the K-quants) llama.cpp's rules that give some tensors
 * another one. `fileType` is llama.cpp's number for it, the value of `general.file_type`.
 * Source: llama.h (`enum llama_ftype`) and `llama_ftype_get_default_type` in llama-quant.cpp.
 */
export interface Recipe {
  readonly name: RecipeName
  readonly fileType: number
  readonly baseType: GgmlType
}

const table = {
  Q2_K: { fileType: 10, baseType: 'Q2_K' },
  Q3_K_S: { fileType: 11, baseType: 'Q3_K' },
  Q3_K_M: { fileType: 12, baseType: 'Q3_K' },
  Q3_K_L: { fileType: 13, baseType: 'Q3_K' },
  Q4_K_S: { fileType: 14, baseType: 'Q4_K' },
  Q4_K_M: { fileType: 15, baseType: 'Q4_K' },
  Q5_K_S: { fileType: 16, baseType: 'Q5_K' },
  Q5_K_M: { fileType: 17, baseType: 'Q5_K' },
  Q6_K: { fileType: 18, baseType: 'Q6_K' },
  Q8_0: { fileType: 7, baseType: 'Q8_0' },
  F16: { fileType: 1, baseType: 'F16' },
  BF16: { fileType: 32, baseType: 'BF16' },
  F32: { fileType: 0, baseType: 'F32' },
} as const satisfies Record<string, { fileType: number; baseType: GgmlType }>

export type RecipeName = keyof typeof table

/** From the smallest file to the largest. */
export const recipeNames = Object.keys(table) as readonly RecipeName[]

export function isRecipeName(text: string): text is RecipeName {
  return Object.hasOwn(table, text)
}

export function recipe(name: RecipeName): Recipe {
  return { name, ...table[name] }
}

/** The recipe a person means by `text`: upper or lower case, with or without `_` and `-` ("q3_k_m", "Q3KM"). */
export function findRecipe(text: string): Recipe | undefined {
  const wanted = spelling(text)
  const name = recipeNames.find((known) => spelling(known) === wanted)
  return name === undefined ? undefined : recipe(name)
}

const spelling = (text: string): string => text.trim().toUpperCase().replaceAll(/[_-]/g, '')
