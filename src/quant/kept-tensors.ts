import type { Mix } from './mixes/mix.ts'

/** Whole names of matrices that no release quantizes: of positions and of kinds of tokens (BERT). */
const keptNames: readonly string[] = ['position_embd.weight', 'token_types.weight']

/**
 * Why a tensor is not quantized whatever the recipe, in a line for a person; `undefined` when it may be.
 * `shape` is outermost first.
 * Source: `tensor_allows_quantization` in llama-quant.cpp.
 */
export function keptReason(name: string, shape: readonly number[], mix: Mix): string | undefined {
  // ggml counts dimensions up to the last that is not 1: a matrix of one row is a vector to it.
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1)
  if (rows === 1) return 'vectors are not quantized'
  if (!name.endsWith('weight')) return 'only weights are quantized'
  if (name.includes('_norm.weight')) return 'norms are not quantized'
  if (name.includes('ffn_gate_inp.weight')) return 'expert gates are not quantized'
  if (keptNames.includes(name) || mix.keptParts.some((part) => name.includes(part))) {
    return `llama.cpp quantizes none of this name`
  }
  return undefined
}
