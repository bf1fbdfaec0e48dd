import type { TensorToType } from '#dist/quant/model-to-type.js'
import { type Dimensions, fusedModel, splitModel } from './model-shapes.ts'

export interface TinyModel {
  readonly title: string
  readonly model: Dimensions
  readonly tensors: readonly TensorToType[]
}

/** What models differ from in one thing each. */
export const small: Dimensions = {
  architecture: 'llama',
  layers: 24,
  heads: 8,
  kvHeads: 2,
  experts: 0,
  hidden: 256,
  feedForward: 512,
  vocabulary: 64,
  headSize: 32,
}

/** Models of few weights, one for each rule about types that depends on the model's shape. */
export const tinyModels: readonly TinyModel[] = [
  split('split, 24 layers, 4 query heads to a value', {}),
  split('split, 15 layers (none is the first 1/16), a value head for each query, tied embeddings', {
    layers: 15,
    kvHeads: 8,
    tied: true,
  }),
  split('split, 36 layers, 3 query heads to a value', { layers: 36, heads: 9, kvHeads: 3 }),
  split('split, 80 layers, shared values ("70B")', { layers: 80 }),
  split('split, 80 layers, a value head for each query ("65B")', { layers: 80, kvHeads: 8 }),
  fused('fused, 2 layers', { layers: 2 }),
  fused('fused, 80 layers, shared values', { layers: 80 }),
  fused('fused, 17 layers, 2 query heads to a value', { layers: 17, kvHeads: 4 }),
  split('split, hidden width 288: whole blocks of 32, not of 256', { hidden: 288, heads: 9, kvHeads: 3 }),
  fused('fused, hidden width 288, tied embeddings', { hidden: 288, heads: 9, kvHeads: 3, tied: true }),
  split('split, feed-forward width 100: no whole blocks of 32', { feedForward: 100 }),
  split('split, hidden width 100', { hidden: 100, heads: 5, kvHeads: 1, headSize: 20 }),
  shuffled('split, tensors of the file in an unusual order', {}),
  withOddities('split, with vectors, biases, single rows and expert gates', { layers: 3 }),
]

function split(title: string, change: Partial<Dimensions>): TinyModel {
  const model = { ...small, ...change }
  return { title, model, tensors: splitModel(model).map(thin) }
}

function fused(title: string, change: Partial<Dimensions>): TinyModel {
  const model: Dimensions = { ...small, architecture: 'phi3', ...change }
  return { title, model, tensors: fusedModel(model).map(thin) }
}

/** A matrix with few rows: no rule looks at how many there are, and quantizing stays quick. */
function thin({ name, shape }: TensorToType): TensorToType {
  return { name, shape: shape.length === 2 ? [Math.min(shape[0] ?? 0, 4), shape[1] ?? 0] : shape }
}

/** Layers as a converter meets them in shards sorted by name: 0, 1, 10, 11, …, 2, 20, … */
function shuffled(title: string, change: Partial<Dimensions>): TinyModel {
  const { model, tensors } = split(title, change)
  return { title, model, tensors: tensors.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }
}

function withOddities(title: string, change: Partial<Dimensions>): TinyModel {
  const { model, tensors } = split(title, change)
  const odd: TensorToType[] = [
    { name: 'rope_freqs.weight', shape: [16] },
    { name: 'blk.0.attn_q.bias', shape: [256] },
    { name: 'blk.0.attn_v.bias', shape: [2, 256] },
    { name: 'blk.0.attn_q_norm.weight', shape: [8, 32] },
    { name: 'blk.1.single.weight', shape: [1, 256] },
    { name: 'blk.1.ffn_gate_inp.weight', shape: [4, 256] },
    { name: 'blk.1.unheard_of.weight', shape: [3, 256] },
    { name: 'blk.1.column.weight', shape: [256, 1] },
    { name: 'blk.2.stack.weight', shape: [2, 3, 256] },
  ]
  return { title, model, tensors: [...odd, ...tensors] }
}
