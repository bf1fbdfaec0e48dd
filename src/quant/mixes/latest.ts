import type { GgmlType } from '../../formats/ggml/block-types.ts'
import type { Mix } from './mix.ts'

/** Refused without importances, but for the embedding and the output projection. */
const guided: ReadonlySet<GgmlType> = new Set(['IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ3_XXS'])

/**
 * The rules of llama.cpp as published in 2026. The fused q/k/v matrix counts as an attention value.
 * Source: src/llama-quant.cpp (`llama_tensor_get_type_impl`, `tensor_type_fallback`, `category_is_attn_v`,
 * `tensor_allows_quantization`, `tensor_requires_imatrix`) and
 * src/llama-model-loader.h (`weight_name_comparer`, the order of its tensors).
 */
export const latest: Mix = {
  countsBy: 'layer',
  valueLike: ['attention-value', 'attention-qkv', 'attention-kv-b'],
  countedAsValues: ['attention-value', 'attention-qkv', 'attention-kv-b'],
  fallbacks: {
    ...{ Q2_K: 'Q4_0', Q3_K: 'Q4_0', Q4_K: 'Q5_0', Q5_K: 'Q5_1', Q6_K: 'Q8_0' },
    ...{ IQ1_S: 'IQ4_NL', IQ1_M: 'IQ4_NL', IQ2_XXS: 'IQ4_NL', IQ2_XS: 'IQ4_NL', IQ2_S: 'IQ4_NL' },
    ...{ IQ3_XXS: 'IQ4_NL', IQ3_S: 'IQ4_NL', IQ4_XS: 'IQ4_NL' },
    ...{ TQ1_0: 'Q4_0', TQ2_0: 'Q4_0', Q2_0: 'Q4_0', Q1_0: 'refused', NVFP4: 'refused' },
  },
  needsImportance: (type, category, recipe) =>
    category !== 'token-embedding' &&
    category !== 'output' &&
    (guided.has(type) || (type === 'Q2_K' && recipe === 'Q2_K_S')),
  keptParts: [
    ...['altup', 'laurel', 'per_layer_model_proj', 'ffn_gate_tid2eid.weight', 'attn_rel_b.weight'],
    ...['ssm_conv1d', 'shortconv.conv.weight', 'indexer.k_proj.weight', 'indexer.q_proj.weight'],
    ...[
      'first',
      'w0',
      'w1',
      'w2',
      'v0',
      'v1',
      'v2',
      'a0',
      'a1',
      'a2',
      'g1',
      'g2',
      'decay_w1',
      'decay_w2',
      'lerp_fused',
    ].map((part) => `time_mix_${part}.weight`),
    ...['.position_embd', 'sam.pos_embd', 'sam.neck.', 'sam.net_', '.rel_pos', '.patch_embd', '.patch_merger'],
    ...['a.rvq.codebook', 'mm.a.code_embd'],
  ],
  layersOf70B: { llama: 80, deci: 80, qwen2: 80, olmo: 80, jais2: 68 },
  lacks: [],
}
