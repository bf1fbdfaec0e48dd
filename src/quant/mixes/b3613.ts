import type { GgmlType } from '../../formats/ggml/block-types.ts'
import type { Mix } from './mix.ts'

/** Refused without importances, whatever the tensor. */
const alwaysGuided: ReadonlySet<GgmlType> = new Set(['IQ1_S', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S'])

/**
 * The rules of llama.cpp b3613. The fused q/k/v matrix has a rule of its own, and 2- and 3-bit types fall back to a
 * non-linear 4-bit one.
 * Source: src/llama.cpp of that release (`llama_tensor_get_type`, `llama_model_quantize_internal`).
 */
export const b3613: Mix = {
  countsBy: 'file-order',
  valueLike: ['attention-value'],
  countedAsValues: ['attention-value', 'attention-qkv'],
  fallbacks: {
    ...{ Q2_K: 'IQ4_NL', Q3_K: 'IQ4_NL', Q4_K: 'Q5_0', Q5_K: 'Q5_1', Q6_K: 'Q8_0' },
    ...{ IQ1_S: 'IQ4_NL', IQ1_M: 'IQ4_NL', IQ2_XXS: 'IQ4_NL', IQ2_XS: 'IQ4_NL', IQ2_S: 'IQ4_NL' },
    ...{ IQ3_XXS: 'IQ4_NL', IQ3_S: 'IQ4_NL', IQ4_XS: 'IQ4_NL' },
  },
  needsImportance: (type, category, recipe) =>
    alwaysGuided.has(type) ||
    (type === 'IQ1_M' && category !== 'token-embedding' && category !== 'output') ||
    (type === 'Q2_K' && recipe === 'Q2_K_S' && category !== 'token-embedding'),
  keptParts: ['ssm_conv1d.weight', 'attn_rel_b.weight'],
  layersOf70B: { llama: 80, qwen2: 80, olmo: 80 },
  lacks: ['Q1_0', 'TQ1_0', 'TQ2_0', 'Q2_0', 'MXFP4_MOE'],
}
