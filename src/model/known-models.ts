import type { RopeScaling } from './rope-scaling.ts'

/** The sizes that tensors show, and the one they do not: how the heads divide the attention's width. */
export interface KnownShape {
  readonly layers: number
  readonly hidden: number
  readonly feedForward: number
  readonly vocabulary: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly tiedEmbeddings: boolean
}

/** What cannot be seen in the tensors. */
export interface KnownConstants {
  readonly ropeTheta: number
  readonly rmsEpsilon: number
  readonly contextLength: number
  /** The context it was first trained for, before its rotary embedding was stretched. */
  readonly originalContext: number
  readonly slidingWindow: number | undefined
  /** The part of each head that rotary embedding turns. */
  readonly partialRotary: number
  /** 'config': factors for every dimension, which only config.json holds. */
  readonly ropeScaling: RopeScaling | 'config'
}

export interface KnownModel {
  readonly name: string
  /** Last parts of its names on the Hugging Face Hub, in lower case. */
  readonly hubNames: readonly string[]
  /** Names of the families in whose layout it is found. */
  readonly families: readonly string[]
  readonly shape: KnownShape
  /** Tokens that every tokenizer of this model holds and others do not. */
  readonly tokens: readonly string[]
  readonly constants: KnownConstants
}

const phi = ['phi-fused', 'llama-split'] as const
const llama = ['llama-split'] as const
const unscaled = { slidingWindow: undefined, partialRotary: 1, ropeScaling: { kind: 'none' } } as const

const phi4Shape: KnownShape = {
  layers: 40,
  hidden: 5120,
  feedForward: 17920,
  vocabulary: 100352,
  heads: 40,
  kvHeads: 10,
  headSize: 128,
  tiedEmbeddings: false,
}

const phi3MiniShape: KnownShape = {
  layers: 32,
  hidden: 3072,
  feedForward: 8192,
  vocabulary: 32064,
  heads: 32,
  kvHeads: 32,
  headSize: 96,
  tiedEmbeddings: false,
}

const llama8bShape: KnownShape = {
  layers: 32,
  hidden: 4096,
  feedForward: 14336,
  vocabulary: 128256,
  heads: 32,
  kvHeads: 8,
  headSize: 128,
  tiedEmbeddings: false,
}

const llama70bShape: KnownShape = { ...llama8bShape, layers: 80, hidden: 8192, feedForward: 28672, heads: 64 }

const phi3 = { ropeTheta: 10000, rmsEpsilon: 1e-5, originalContext: 4096, partialRotary: 1 } as const
const llama3 = { ...unscaled, ropeTheta: 500000, rmsEpsilon: 1e-5, contextLength: 8192, originalContext: 8192 } as const
const llama31 = { ...llama3, contextLength: 131072, ropeScaling: llama3Scaling(8) } as const
const llama32 = { ...llama3, contextLength: 131072, ropeScaling: llama3Scaling(32) } as const
const llama3Tokens = ['<|begin_of_text|>', '<|eot_id|>'] as const

function llama3Scaling(factor: number): RopeScaling {
  return { kind: 'llama3', factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192 }
}

/**
 * Models that are known by their very shape. Source: the config.json of each model's repository on the Hugging Face
 * Hub (microsoft/*, meta-llama/*); Phi's sliding windows also from llama.cpp's loader.
 */
export const knownModels: readonly KnownModel[] = [
  {
    name: 'Phi-4',
    hubNames: ['phi-4'],
    families: phi,
    shape: phi4Shape,
    tokens: ['<|im_sep|>'],
    constants: { ...unscaled, ropeTheta: 250000, rmsEpsilon: 1e-5, contextLength: 16384, originalContext: 16384 },
  },
  {
    name: 'Phi-4-reasoning',
    hubNames: ['phi-4-reasoning', 'phi-4-reasoning-plus'],
    families: phi,
    shape: phi4Shape,
    tokens: ['<|im_sep|>', '<think>'],
    constants: { ...unscaled, ropeTheta: 500000, rmsEpsilon: 1e-5, contextLength: 32768, originalContext: 32768 },
  },
  {
    name: 'Phi-4-mini',
    hubNames: ['phi-4-mini-instruct', 'phi-4-mini-reasoning'],
    families: phi,
    shape: { ...phi3MiniShape, vocabulary: 200064, heads: 24, kvHeads: 8, headSize: 128, tiedEmbeddings: true },
    tokens: [],
    constants: { ...phi3, contextLength: 131072, slidingWindow: 262144, partialRotary: 0.75, ropeScaling: 'config' },
  },
  {
    name: 'Phi-3-medium-4k',
    hubNames: ['phi-3-medium-4k-instruct'],
    families: phi,
    shape: { ...phi4Shape, vocabulary: 32064 },
    tokens: [],
    constants: { ...phi3, contextLength: 4096, slidingWindow: 2047, ropeScaling: { kind: 'none' } },
  },
  {
    name: 'Phi-3-medium-128k',
    hubNames: ['phi-3-medium-128k-instruct'],
    families: phi,
    shape: { ...phi4Shape, vocabulary: 32064 },
    tokens: [],
    constants: { ...phi3, contextLength: 131072, slidingWindow: 131072, ropeScaling: 'config' },
  },
  {
    name: 'Phi-3-mini-4k',
    hubNames: ['phi-3-mini-4k-instruct'],
    families: phi,
    shape: phi3MiniShape,
    tokens: [],
    constants: { ...phi3, contextLength: 4096, slidingWindow: 2047, ropeScaling: { kind: 'none' } },
  },
  {
    name: 'Phi-3-mini-128k',
    hubNames: ['phi-3-mini-128k-instruct', 'phi-3.5-mini-instruct'],
    families: phi,
    shape: phi3MiniShape,
    tokens: [],
    constants: { ...phi3, contextLength: 131072, slidingWindow: 262144, ropeScaling: 'config' },
  },
  {
    name: 'Llama-3-8B',
    hubNames: ['meta-llama-3-8b', 'meta-llama-3-8b-instruct', 'llama-3-8b', 'llama-3-8b-instruct'],
    families: llama,
    shape: llama8bShape,
    tokens: llama3Tokens,
    constants: llama3,
  },
  {
    name: 'Llama-3-70B',
    hubNames: ['meta-llama-3-70b', 'meta-llama-3-70b-instruct', 'llama-3-70b', 'llama-3-70b-instruct'],
    families: llama,
    shape: llama70bShape,
    tokens: llama3Tokens,
    constants: llama3,
  },
  {
    name: 'Llama-3.1-8B',
    hubNames: ['meta-llama-3.1-8b', 'meta-llama-3.1-8b-instruct', 'llama-3.1-8b', 'llama-3.1-8b-instruct'],
    families: llama,
    shape: llama8bShape,
    tokens: llama3Tokens,
    constants: llama31,
  },
  {
    name: 'Llama-3.1-70B',
    hubNames: [
      'meta-llama-3.1-70b',
      'meta-llama-3.1-70b-instruct',
      'llama-3.1-70b',
      'llama-3.1-70b-instruct',
      'llama-3.3-70b-instruct',
    ],
    families: llama,
    shape: llama70bShape,
    tokens: llama3Tokens,
    constants: llama31,
  },
  {
    name: 'Llama-3.2-1B',
    hubNames: ['llama-3.2-1b', 'llama-3.2-1b-instruct'],
    families: llama,
    shape: { ...llama8bShape, layers: 16, hidden: 2048, feedForward: 8192, headSize: 64, tiedEmbeddings: true },
    tokens: llama3Tokens,
    constants: llama32,
  },
  {
    name: 'Llama-3.2-3B',
    hubNames: ['llama-3.2-3b', 'llama-3.2-3b-instruct'],
    families: llama,
    shape: { ...llama8bShape, layers: 28, hidden: 3072, feedForward: 8192, heads: 24, tiedEmbeddings: true },
    tokens: llama3Tokens,
    constants: llama32,
  },
]
