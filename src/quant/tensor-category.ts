/**
 * The parts of a transformer that llama.cpp's recipes treat differently, told apart by the GGUF name.
 * Source: `tensor_get_category` in llama-quant.cpp; the same names decide in b3613.
 */
export type TensorCategory =
  | 'output'
  | 'token-embedding'
  | 'attention-qkv'
  | 'attention-value'
  | 'attention-key'
  | 'attention-query'
  | 'attention-output'
  | 'feed-forward-up'
  | 'feed-forward-gate'
  | 'feed-forward-down'
  /** Every matrix that always gets the base type. */
  | 'other'

/** The first part of a name that matches decides. */
const byPart: readonly (readonly [part: string, category: TensorCategory])[] = [
  ['attn_qkv.weight', 'attention-qkv'],
  ['attn_v.weight', 'attention-value'],
  ['attn_k.weight', 'attention-key'],
  ['attn_q.weight', 'attention-query'],
  ['attn_output.weight', 'attention-output'],
  ['ffn_up', 'feed-forward-up'],
  ['ffn_gate', 'feed-forward-gate'],
  ['ffn_down', 'feed-forward-down'],
]

export function tensorCategory(name: string): TensorCategory {
  if (name === 'output.weight') return 'output'
  if (name === 'token_embd.weight') return 'token-embedding'
  return byPart.find(([part]) => name.includes(part))?.[1] ?? 'other'
}

/** Why a tensor is not quantized whatever the recipe, in a line for a person; `undefined` when it may be. */
export function keptReason(name: string, shape: readonly number[]): string | undefined {
  // ggml counts dimensions up to the last that is not 1: a matrix of one row is a vector to it.
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1)
  if (rows === 1) return 'vectors are not quantized'
  if (!name.endsWith('weight')) return 'only weights are quantized'
  if (name.includes('_norm.weight')) return 'norms are not quantized'
  if (name.includes('ffn_gate_inp.weight')) return 'expert gates are not quantized'
  return undefined
}
