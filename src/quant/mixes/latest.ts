import type { Mix } from './mix.ts'

/**
 * The rules of llama.cpp as published in 2026. The fused q/k/v matrix counts as an attention value.
 * Source: src/llama-quant.cpp (`llama_tensor_get_type_impl`, `tensor_type_fallback`, `category_is_attn_v`,
 * `tensor_requires_imatrix`) and
 * src/llama-model-loader.h (`weight_name_comparer`, the order of its tensors).
 */
export const latest: Mix = {
  countsBy: 'layer',
  valueLike: ['attention-value', 'attention-qkv'],
  fallbacks: {
    ...{ Q2_K: 'Q4_0', Q3_K: 'Q4_0', Q4_K: 'Q5_0', Q5_K: 'Q5_1', Q6_K: 'Q8_0' },
    ...{ IQ2_S: 'IQ4_NL', IQ3_XXS: 'IQ4_NL', IQ3_S: 'IQ4_NL', IQ4_XS: 'IQ4_NL' },
    ...{ TQ1_0: 'Q4_0', TQ2_0: 'Q4_0', Q2_0: 'Q4_0', Q1_0: 'refused' },
  },
  needsImportance: ['IQ2_S', 'IQ3_XXS'],
  lacks: [],
}
