/**
 * The parts of a transformer that llama.cpp's recipes treat differently, told apart by the GGUF name.
 * Source: `tensor_get_category` in llama-quant.cpp; the same names decide in b3613.
 */
export type TensorCategory =
  | 'output'
  | 'token-embedding'
  | 'attention-qkv'
  | 'attention-kv-b'
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
  ['attn_kv_b.weight', 'attention-kv-b'],
  ['attn_v.weight', 'attention-value'],
  ['attn_k.weight', 'attention-key'],
  ['attn_q.weight', 'attention-query'],
  ['attn_output.weight', 'attention-output'],
  ['ffn_up', 'feed-forward-up'],
  ['ffn_gate', 'feed-forward-gate'],
  ['ffn_down', 'feed-forward-down'],
]

const embeddings: readonly string[] = ['token_embd.weight', 'per_layer_token_embd.weight']

export function tensorCategory(name: string): TensorCategory {
  if (name === 'output.weight') return 'output'
  if (embeddings.includes(name)) return 'token-embedding'
  return byPart.find(([part]) => name.includes(part))?.[1] ?? 'other'
}
