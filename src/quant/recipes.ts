import type { GgmlType } from '../formats/ggml/block-types.ts'

/**
 * What a person asks for with `--type`: a base type, and llama.cpp's rules that give some tensors another
 * one. `fileType` is llama.cpp's number for it, the value of `general.file_type`.
 * Source: llama.h (`enum llama_ftype`) and `llama_ftype_get_default_type` in llama-quant.cpp.
 */
export interface Recipe {
  readonly name: RecipeName
  readonly fileType: number
  readonly baseType: GgmlType
}

const table = {
  Q1_0: { fileType: 40, baseType: 'Q1_0' },
  IQ1_S: { fileType: 24, baseType: 'IQ1_S' },
  IQ1_M: { fileType: 31, baseType: 'IQ1_M' },
  TQ1_0: { fileType: 36, baseType: 'TQ1_0' },
  TQ2_0: { fileType: 37, baseType: 'TQ2_0' },
  IQ2_XXS: { fileType: 19, baseType: 'IQ2_XXS' },
  Q2_0: { fileType: 41, baseType: 'Q2_0' },
  IQ2_XS: { fileType: 20, baseType: 'IQ2_XS' },
  // The smallest of its kinds: most of it is IQ2_XS.
  IQ2_S: { fileType: 28, baseType: 'IQ2_XS' },
  IQ2_M: { fileType: 29, baseType: 'IQ2_S' },
  Q2_K_S: { fileType: 21, baseType: 'Q2_K' },
  Q2_K: { fileType: 10, baseType: 'Q2_K' },
  IQ3_XXS: { fileType: 23, baseType: 'IQ3_XXS' },
  IQ3_XS: { fileType: 22, baseType: 'IQ3_S' },
  Q3_K_S: { fileType: 11, baseType: 'Q3_K' },
  IQ3_S: { fileType: 26, baseType: 'IQ3_S' },
  IQ3_M: { fileType: 27, baseType: 'IQ3_S' },
  Q3_K_M: { fileType: 12, baseType: 'Q3_K' },
  Q3_K_L: { fileType: 13, baseType: 'Q3_K' },
  IQ4_XS: { fileType: 30, baseType: 'IQ4_XS' },
  Q4_0: { fileType: 2, baseType: 'Q4_0' },
  Q4_K_S: { fileType: 14, baseType: 'Q4_K' },
  IQ4_NL: { fileType: 25, baseType: 'IQ4_NL' },
  Q4_K_M: { fileType: 15, baseType: 'Q4_K' },
  Q4_1: { fileType: 3, baseType: 'Q4_1' },
  Q5_0: { fileType: 8, baseType: 'Q5_0' },
  Q5_K_S: { fileType: 16, baseType: 'Q5_K' },
  Q5_K_M: { fileType: 17, baseType: 'Q5_K' },
  Q5_1: { fileType: 9, baseType: 'Q5_1' },
  Q6_K: { fileType: 18, baseType: 'Q6_K' },
  MXFP4_MOE: { fileType: 38, baseType: 'MXFP4' },
  Q8_0: { fileType: 7, baseType: 'Q8_0' },
  F16: { fileType: 1, baseType: 'F16' },
  BF16: { fileType: 32, baseType: 'BF16' },
  F32: { fileType: 0, baseType: 'F32' },
} as const satisfies Record<string, { fileType: number; baseType: GgmlType }>

export type RecipeName = keyof typeof table

/**
 * "Q3_K_M,Q2_K" → recipes, by their exact names, each once and in the order given; `undefined` where that is not what
 * the text says.
 */
export function recipeList(text: string): Recipe[] | undefined {
  const names = text.split(',')
  if (!names.every(isRecipeName) || new Set(names).size < names.length) return undefined
  return names.map(recipe)
}

/** From the smallest file to the largest, for most models. */
export const recipeNames = Object.keys(table) as readonly RecipeName[]

export function isRecipeName(text: string): text is RecipeName {
  return Object.hasOwn(table, text)
}

export function recipe(name: RecipeName): Recipe {
  return { name, ...table[name] }
}

/** llama-quantize's short names. */
const aliases: Readonly<Record<string, RecipeName>> = { Q3K: 'Q3_K_M', Q4K: 'Q4_K_M', Q5K: 'Q5_K_M' }

/** The recipe a person means by `text`: upper or lower case, with or without `_` and `-` ("q3_k_m", "Q3KM"). */
export function findRecipe(text: string): Recipe | undefined {
  const wanted = spelling(text)
  const name = recipeNames.find((known) => spelling(known) === wanted) ?? aliases[wanted]
  return name === undefined ? undefined : recipe(name)
}

const spelling = (text: string): string => text.trim().toUpperCase().replaceAll(/[_-]/g, '')
