import { describe, expect, it } from 'vitest'
import type { Fact, Hyperparameters } from '#dist/model/description.js'
import { llamaSplit } from '#dist/model/families/llama-split.js'
import { phiFused } from '#dist/model/families/phi-fused.js'

const fact = <T>(value: T): Fact<T> => ({ value, origin: 'override', because: 'the test' })

const phi4: Hyperparameters = {
  layers: fact(40),
  hidden: fact(5120),
  feedForward: fact(17920),
  vocabulary: fact(100352),
  heads: fact(40),
  kvHeads: fact(10),
  headSize: fact(128),
  ropeDimensions: fact(128),
  ropeTheta: fact(250000),
  rmsEpsilon: fact(1e-5),
  contextLength: fact(16384),
  slidingWindow: fact(undefined),
  tiedEmbeddings: fact(false),
}
const understood = { hyperparameters: phi4, originalContext: 16384, ropeScaling: { kind: 'none' } } as const

describe('phi3 keys', () => {
  // As in the published GGUF smcleod/phi-4, but for the sliding window, on whose 0 releases of its time die.
  it('are those of the official conversion of Phi-4, with a sliding window as long as the context', () => {
    expect(phiFused.metadata(understood)).toEqual([
      ['phi3.context_length', { type: 'u32', value: 16384 }],
      ['phi3.rope.scaling.original_context_length', { type: 'u32', value: 16384 }],
      ['phi3.embedding_length', { type: 'u32', value: 5120 }],
      ['phi3.feed_forward_length', { type: 'u32', value: 17920 }],
      ['phi3.block_count', { type: 'u32', value: 40 }],
      ['phi3.attention.head_count', { type: 'u32', value: 40 }],
      ['phi3.attention.head_count_kv', { type: 'u32', value: 10 }],
      ['phi3.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 }],
      ['phi3.rope.dimension_count', { type: 'u32', value: 128 }],
      ['phi3.rope.freq_base', { type: 'f32', value: 250000 }],
      ['phi3.attention.sliding_window', { type: 'u32', value: 16384 }],
    ])
  })

  it('keep the sliding window of a model that has one', () => {
    const hyperparameters = { ...phi4, slidingWindow: fact(2047) }
    expect(new Map(phiFused.metadata({ ...understood, hyperparameters })).get('phi3.attention.sliding_window')).toEqual(
      {
        type: 'u32',
        value: 2047,
      },
    )
  })

  it('are refused where heads and hidden size differ, which llama.cpp cannot run', () => {
    const hyperparameters = { ...phi4, headSize: fact(64) }
    expect(() => phiFused.check({ ...understood, hyperparameters })).toThrow(
      expect.objectContaining({ code: 'MODEL_UNSUPPORTED' }),
    )
  })
})

describe('llama keys', () => {
  it('are those of the official converter for Phi-4 in Llama layout', () => {
    expect(llamaSplit.metadata(understood).map(([key, { value }]) => [key, value])).toEqual([
      ['llama.block_count', 40],
      ['llama.context_length', 16384],
      ['llama.embedding_length', 5120],
      ['llama.feed_forward_length', 17920],
      ['llama.attention.head_count', 40],
      ['llama.attention.head_count_kv', 10],
      ['llama.rope.freq_base', 250000],
      ['llama.attention.layer_norm_rms_epsilon', 1e-5],
      ['llama.attention.key_length', 128],
      ['llama.attention.value_length', 128],
      ['llama.vocab_size', 100352],
      ['llama.rope.dimension_count', 128],
    ])
  })

  it('say linear scaling', () => {
    const keys = new Map(llamaSplit.metadata({ ...understood, ropeScaling: { kind: 'linear', factor: 4 } }))
    expect(keys.get('llama.rope.scaling.type')).toEqual({ type: 'string', value: 'linear' })
    expect(keys.get('llama.rope.scaling.factor')).toEqual({ type: 'f32', value: 4 })
  })

  it('are refused for rotary scaling that is not known, and for partly rotary heads', () => {
    const refused = expect.objectContaining({ code: 'MODEL_UNSUPPORTED' })
    const dynamic = { kind: 'unknown', name: 'dynamic' } as const
    expect(() => llamaSplit.check({ ...understood, ropeScaling: dynamic })).toThrow(refused)
    const hyperparameters = { ...phi4, ropeDimensions: fact(96) }
    expect(() => llamaSplit.check({ ...understood, hyperparameters })).toThrow(refused)
  })
})
