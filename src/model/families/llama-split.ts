import { MiberaError } from '../../base/errors.ts'
import { f32, type GgufValue, string, u32 } from '../../formats/gguf/values.ts'
import { outerTensors } from '../layout.ts'
import type { Measurements } from '../measure.ts'
import { requireWidth } from '../measured-width.ts'
import { llama3Tensors } from '../rope-llama3.ts'
import type { RopeScaling } from '../rope-scaling.ts'
import type { AttentionWidths, Family, UnderstoodModel } from './family.ts'

/**
 * Llama, Mistral, and whatever was rewritten in their layout, as some Phi-4 fine-tunes are. llama.cpp's `llama`
 * turns neighbouring rows of q and k, where transformers turns halves of a head: hence the permutation of their rows.
 * Source: llama.cpp conversion/llama.py, conversion/base.py and src/models/llama.cpp.
 */
export const llamaSplit: Family = {
  name: 'llama-split',
  title: 'Llama, Mistral, and Phi-4 in Llama layout, with split q_proj, k_proj, v_proj, gate_proj and up_proj',
  architecture: 'llama',
  recognisedBy: [
    'self_attn.q_proj.weight',
    'self_attn.k_proj.weight',
    'self_attn.v_proj.weight',
    'mlp.gate_proj.weight',
    'mlp.up_proj.weight',
  ],
  hubArchitectures: ['LlamaForCausalLM', 'LLaMAForCausalLM', 'MistralForCausalLM'],
  hubModelTypes: ['llama', 'mistral'],
  // Gemma and others have the same tensors but other arithmetic.
  unmistakable: false,
  layout: {
    ...outerTensors,
    layer: [
      { source: 'input_layernorm.weight', gguf: 'attn_norm.weight', shape: ['hidden'] },
      { source: 'self_attn.q_proj.weight', gguf: 'attn_q.weight', shape: ['query', 'hidden'] },
      { source: 'self_attn.k_proj.weight', gguf: 'attn_k.weight', shape: ['keyValue', 'hidden'] },
      { source: 'self_attn.v_proj.weight', gguf: 'attn_v.weight', shape: ['keyValue', 'hidden'] },
      { source: 'self_attn.o_proj.weight', gguf: 'attn_output.weight', shape: ['hidden', 'query'] },
      { source: 'post_attention_layernorm.weight', gguf: 'ffn_norm.weight', shape: ['hidden'] },
      { source: 'mlp.gate_proj.weight', gguf: 'ffn_gate.weight', shape: ['feedForward', 'hidden'] },
      { source: 'mlp.up_proj.weight', gguf: 'ffn_up.weight', shape: ['feedForward', 'hidden'] },
      { source: 'mlp.down_proj.weight', gguf: 'ffn_down.weight', shape: ['hidden', 'feedForward'] },
    ],
  },
  widths,
  ropeDimensions: (_hidden, _heads, headSize, partialRotary) => Math.floor(headSize * partialRotary),
  check,
  extraTensors: ({ hyperparameters: { headSize, ropeTheta }, ropeScaling }) =>
    llama3Tensors(ropeScaling, ropeTheta.value, headSize.value),
  permutedHeads: (gguf, { heads, kvHeads }) => {
    if (gguf === 'attn_q.weight') return heads.value
    return gguf === 'attn_k.weight' ? kvHeads.value : undefined
  },
  metadata,
}

function widths(measurements: Measurements): AttentionWidths {
  const query = requireWidth(measurements, 'query').value
  const keyValue = requireWidth(measurements, 'keyValue').value
  const feedForward = requireWidth(measurements, 'feedForward').value
  return {
    query: { value: query, because: `${query} rows of q_proj` },
    keyValue: { value: keyValue, because: `${keyValue} rows of k_proj` },
    feedForward: { value: feedForward, because: `${feedForward} rows of gate_proj` },
  }
}

function check({ hyperparameters: { headSize, ropeDimensions }, ropeScaling }: UnderstoodModel): void {
  if (ropeDimensions.value !== headSize.value) {
    throw new MiberaError(
      'MODEL_UNSUPPORTED',
      `${ropeDimensions.value} of a head's ${headSize.value} dimensions are rotary; llama.cpp's llama turns all of them`,
    )
  }
  if (!['none', 'linear', 'llama3'].includes(ropeScaling.kind)) {
    const name = ropeScaling.kind === 'unknown' ? ropeScaling.name : ropeScaling.kind
    throw new MiberaError('MODEL_UNSUPPORTED', `Rope scaling "${name}" is not known here, only linear and llama3 are`)
  }
}

function metadata({ hyperparameters: h, ropeScaling }: UnderstoodModel): ReturnType<Family['metadata']> {
  return [
    ['llama.block_count', u32(h.layers.value)],
    ['llama.context_length', u32(h.contextLength.value)],
    ['llama.embedding_length', u32(h.hidden.value)],
    ['llama.feed_forward_length', u32(h.feedForward.value)],
    ['llama.attention.head_count', u32(h.heads.value)],
    ['llama.attention.head_count_kv', u32(h.kvHeads.value)],
    ...scalingKeys(ropeScaling),
    ['llama.rope.freq_base', f32(h.ropeTheta.value)],
    ['llama.attention.layer_norm_rms_epsilon', f32(h.rmsEpsilon.value)],
    ['llama.attention.key_length', u32(h.headSize.value)],
    ['llama.attention.value_length', u32(h.headSize.value)],
    ['llama.vocab_size', u32(h.vocabulary.value)],
    ['llama.rope.dimension_count', u32(h.ropeDimensions.value)],
  ]
}

/** llama3's scaling is not a key but the tensor rope_freqs. */
function scalingKeys(scaling: RopeScaling): readonly (readonly [string, GgufValue])[] {
  if (scaling.kind !== 'linear') return []
  return [
    ['llama.rope.scaling.type', string('linear')],
    ['llama.rope.scaling.factor', f32(scaling.factor)],
  ]
}
