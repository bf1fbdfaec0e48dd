import type { TensorToType } from '#dist/quant/model-to-type.js'
import { type Dimensions, splitModel } from './model-shapes.ts'
import { small, type TinyModel } from './tiny-models.ts'

/** Models that this program does not convert itself, but that a GGUF may hold: one for each rule about those. */
export const foreignModels: readonly TinyModel[] = [
  like('falcon, 32 layers', { architecture: 'falcon', layers: 32 }),
  like('qwen2, 80 layers, counted as 70B though no heads share values', {
    architecture: 'qwen2',
    layers: 80,
    kvHeads: 8,
  }),
  like('deci, 80 layers ("70B")', { architecture: 'deci', layers: 80 }),
  like('olmo, 80 layers ("70B")', { architecture: 'olmo', layers: 80 }),
  like('jais2, 68 layers ("70B")', { architecture: 'jais2', layers: 68 }),
  like('gemma2, 80 layers, which is no 70B', { architecture: 'gemma2', layers: 80 }),
  experts('llama, 80 layers, 8 experts', { layers: 80, experts: 8 }),
  experts('llama, 24 layers, 4 experts, 2 query heads to a value', { kvHeads: 4, experts: 4 }),
  experts('qwen2moe, 17 layers, 60 experts', { architecture: 'qwen2moe', layers: 17, experts: 60 }),
  odd('llama with matrices of every name that is not quantized'),
  mla('deepseek2, with attention of low rank'),
]

function like(title: string, change: Partial<Dimensions>): TinyModel {
  const model = { ...small, ...change }
  return { title, model, tensors: splitModel(model).map(thin) }
}

/** Feed-forward matrices stacked by expert, as converters write them, in an order that is not that of the layers. */
function experts(title: string, change: Partial<Dimensions>): TinyModel {
  const { model, tensors } = like(title, change)
  const stacked = tensors.map(({ name, shape }) =>
    /ffn_(down|gate|up)/.test(name)
      ? { name: name.replace('.weight', '_exps.weight'), shape: [model.experts, 2, shape[1] ?? 0] }
      : { name, shape },
  )
  const gates = Array.from({ length: model.layers }, (_, layer) => ({
    name: `blk.${layer}.ffn_gate_inp.weight`,
    shape: [model.experts, model.hidden],
  }))
  const shared = [3, 11].map((layer) => ({ name: `blk.${layer}.ffn_down_shexp.weight`, shape: [4, model.feedForward] }))
  return { title, model, tensors: [...stacked.toReversed(), ...gates, ...shared] }
}

function mla(title: string): TinyModel {
  const { model, tensors } = like(title, { architecture: 'deepseek2', layers: 9 })
  const without = tensors.filter(({ name }) => !/attn_[kv]\.weight/.test(name))
  const low = Array.from({ length: 9 }, (_, layer) => [
    { name: `blk.${layer}.attn_kv_a_mqa.weight`, shape: [4, 256] },
    { name: `blk.${layer}.attn_kv_b.weight`, shape: [4, 256] },
    { name: `blk.${layer}.attn_q_a.weight`, shape: [4, 256] },
    { name: `blk.${layer}.attn_k_b.weight`, shape: [3, 4, 256] },
  ]).flat()
  return { title, model, tensors: [...without, ...low] }
}

/** Names from many architectures. */
function odd(title: string): TinyModel {
  const { model, tensors } = like(title, { layers: 3 })
  const parts = [
    ...['ssm_conv1d.weight', 'shortconv.conv.weight', 'indexer.k_proj.weight', 'indexer.q_proj.weight'],
    ...['attn_rel_b.weight', 'ffn_gate_tid2eid.weight', 'altup_router.weight', 'laurel_l.weight', 'altup_proj.weight'],
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
    // These are.
    ...['time_mix_key.weight', 'ssm_in.weight', 'indexer.proj.weight', 'shortconv.in_proj.weight', 'attn_kv_b.weight'],
  ].map((part) => `blk.1.${part}`)
  const whole = [
    ...['position_embd.weight', 'token_types.weight', 'per_layer_model_proj.weight', 'per_layer_token_embd.weight'],
    ...['v.position_embd.weight', 'v.sam.pos_embd.weight', 'v.sam.neck.0.weight', 'v.sam.net_2.weight'],
    ...['v.blk.0.attn.rel_pos_h.weight', 'v.patch_embd.weight', 'v.patch_merger.weight', 'a.rvq.codebook.weight'],
    ...['mm.a.code_embd.weight', 'mm.a.fc.weight', 'cls.weight'],
  ]
  const added = [...parts, ...whole].map((name): TensorToType => ({ name, shape: [4, 256] }))
  return { title, model, tensors: [...tensors, ...added] }
}

function thin({ name, shape }: TensorToType): TensorToType {
  return { name, shape: shape.length === 2 ? [Math.min(shape[0] ?? 0, 4), shape[1] ?? 0] : shape }
}
