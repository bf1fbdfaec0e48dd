import { MiberaError } from '../../base/errors.ts'
import { f32, u32 } from '../../formats/gguf/values.ts'
import { outerTensors } from '../layout.ts'
import type { Measurements } from '../measure.ts'
import { requireWidth } from '../measured-width.ts'
import { longropeAttentionFactor, longropeTensors } from '../rope-longrope.ts'
import type { AttentionWidths, Family, UnderstoodModel } from './family.ts'

/**
 * Phi-3 and Phi-4: q, k and v in one tensor, gate and up in another. llama.cpp's `phi3` takes both as they are.
 * Source: llama.cpp conversion/phi.py (Phi3MiniModel) and src/models/phi3.cpp.
 */
export const phiFused: Family = {
  name: 'phi-fused',
  title: 'Phi-3 and Phi-4 with fused qkv_proj and gate_up_proj',
  architecture: 'phi3',
  recognisedBy: ['self_attn.qkv_proj.weight', 'mlp.gate_up_proj.weight'],
  hubArchitectures: ['Phi3ForCausalLM'],
  hubModelTypes: ['phi3'],
  unmistakable: true,
  layout: {
    ...outerTensors,
    layer: [
      { source: 'input_layernorm.weight', gguf: 'attn_norm.weight', shape: ['hidden'] },
      { source: 'self_attn.qkv_proj.weight', gguf: 'attn_qkv.weight', shape: ['fusedQkv', 'hidden'] },
      { source: 'self_attn.o_proj.weight', gguf: 'attn_output.weight', shape: ['hidden', 'query'] },
      { source: 'post_attention_layernorm.weight', gguf: 'ffn_norm.weight', shape: ['hidden'] },
      { source: 'mlp.gate_up_proj.weight', gguf: 'ffn_up.weight', shape: ['fusedGateUp', 'hidden'] },
      { source: 'mlp.down_proj.weight', gguf: 'ffn_down.weight', shape: ['hidden', 'feedForward'] },
    ],
  },
  widths,
  // As the converter computes it, from the hidden size rather than from the head's.
  ropeDimensions: (hidden, heads, _headSize, partialRotary) => Math.floor(Math.floor(partialRotary * hidden) / heads),
  check,
  extraTensors: (model) => longropeTensors(model.ropeScaling, model.hyperparameters.ropeDimensions.value),
  permutedHeads: () => undefined,
  metadata,
}

/** qkv_proj has q + 2·kv rows; the columns of o_proj are q. gate_up_proj has twice the feed-forward's rows. */
function widths(measurements: Measurements): AttentionWidths {
  const query = requireWidth(measurements, 'query')
  const fused = requireWidth(measurements, 'fusedQkv')
  const feedForward = requireWidth(measurements, 'feedForward')
  const gateUp = requireWidth(measurements, 'fusedGateUp')
  const keyValue = (fused.value - query.value) / 2
  if (!Number.isInteger(keyValue) || keyValue <= 0) {
    throw new MiberaError(
      'TENSOR_SHAPE',
      `Tensor ${fused.tensor} has ${fused.value} rows; expected ${query.value} for q (the columns of ${query.tensor}) and an even number for k and v`,
      { subject: fused.tensor },
    )
  }
  if (gateUp.value !== 2 * feedForward.value) {
    throw new MiberaError(
      'TENSOR_SHAPE',
      `Tensor ${gateUp.tensor} has ${gateUp.value} rows; expected ${2 * feedForward.value}, twice the columns of ${feedForward.tensor}`,
      { subject: gateUp.tensor },
    )
  }
  return {
    query: { value: query.value, because: `${query.value} columns of o_proj` },
    keyValue: {
      value: keyValue,
      because: `${fused.value} rows of qkv_proj, less ${query.value} for q, are ${keyValue} each for k and v`,
    },
    feedForward: { value: feedForward.value, because: `${feedForward.value} columns of down_proj` },
  }
}

function check({ hyperparameters: { heads, headSize, hidden }, ropeScaling }: UnderstoodModel): void {
  if (heads.value * headSize.value !== hidden.value) {
    throw new MiberaError(
      'MODEL_UNSUPPORTED',
      `${heads.value} heads of ${headSize.value} are ${heads.value * headSize.value} wide, but the hidden size is ${hidden.value}; llama.cpp's phi3 needs them equal`,
    )
  }
  if (ropeScaling.kind !== 'none' && ropeScaling.kind !== 'longrope') {
    const name = ropeScaling.kind === 'unknown' ? ropeScaling.name : ropeScaling.kind
    throw new MiberaError('MODEL_UNSUPPORTED', `Rope scaling "${name}" is not known for phi3, only longrope is`)
  }
}

/**
 * The converter's keys, but for the sliding window: it writes 0 where there is none, on which releases up to early
 * 2025 die (`GGML_ASSERT(hparams.n_swa > 0)`). The context length masks nothing and loads everywhere.
 */
function metadata({
  hyperparameters: h,
  originalContext,
  ropeScaling,
}: UnderstoodModel): ReturnType<Family['metadata']> {
  const factor = longropeAttentionFactor(ropeScaling, h.contextLength.value, originalContext)
  return [
    ...(factor === undefined ? [] : [['phi3.rope.scaling.attn_factor', f32(factor)] as const]),
    ['phi3.context_length', u32(h.contextLength.value)],
    ['phi3.rope.scaling.original_context_length', u32(originalContext)],
    ['phi3.embedding_length', u32(h.hidden.value)],
    ['phi3.feed_forward_length', u32(h.feedForward.value)],
    ['phi3.block_count', u32(h.layers.value)],
    ['phi3.attention.head_count', u32(h.heads.value)],
    ['phi3.attention.head_count_kv', u32(h.kvHeads.value)],
    ['phi3.attention.layer_norm_rms_epsilon', f32(h.rmsEpsilon.value)],
    ['phi3.rope.dimension_count', u32(h.ropeDimensions.value)],
    ['phi3.rope.freq_base', f32(h.ropeTheta.value)],
    ['phi3.attention.sliding_window', u32(h.slidingWindow.value ?? h.contextLength.value)],
  ]
}
