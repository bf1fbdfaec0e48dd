import { open } from 'node:fs/promises'
import { layOut } from '#dist/formats/gguf/layout.js'
import { f32, type GgufValue, string, u32 } from '#dist/formats/gguf/values.js'
import { seededRandom } from './random.ts'

export interface RandomModel {
  readonly vocabulary: Iterable<readonly [string, GgufValue]>
  readonly tokens: number
  readonly layers?: number
  readonly hidden?: number
  readonly feedForward?: number
  readonly heads?: number
  readonly kvHeads?: number
}

/** Writes a Llama of F32 noise that llama.cpp can run: small weights, norms of 1. */
export async function writeRandomLlama(path: string, model: RandomModel): Promise<void> {
  const { vocabulary, tokens, layers = 2, hidden = 256, feedForward = 512, heads = 4, kvHeads = 2 } = model
  const kv = (hidden / heads) * kvHeads
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', string('llama')],
    ['llama.block_count', u32(layers)],
    ['llama.context_length', u32(512)],
    ['llama.embedding_length', u32(hidden)],
    ['llama.feed_forward_length', u32(feedForward)],
    ['llama.attention.head_count', u32(heads)],
    ['llama.attention.head_count_kv', u32(kvHeads)],
    ['llama.attention.layer_norm_rms_epsilon', f32(1e-5)],
    ...vocabulary,
  ])
  const shapes: (readonly [string, ...number[]])[] = [['token_embd', tokens, hidden]]
  for (let layer = 0; layer < layers; layer++) {
    shapes.push(
      [`blk.${layer}.attn_norm`, hidden],
      [`blk.${layer}.attn_q`, hidden, hidden],
      [`blk.${layer}.attn_k`, kv, hidden],
      [`blk.${layer}.attn_v`, kv, hidden],
      [`blk.${layer}.attn_output`, hidden, hidden],
      [`blk.${layer}.ffn_norm`, hidden],
      [`blk.${layer}.ffn_gate`, feedForward, hidden],
      [`blk.${layer}.ffn_up`, feedForward, hidden],
      [`blk.${layer}.ffn_down`, hidden, feedForward],
    )
  }
  shapes.push(['output_norm', hidden], ['output', tokens, hidden])
  const infos = shapes.map(([name, ...shape]) => ({ name: `${name}.weight`, shape, type: 'F32' as const }))
  const layout = layOut(metadata, infos)
  const random = seededRandom(7)
  const file = await open(path, 'w')
  try {
    await file.write(layout.header, 0, layout.header.length, 0)
    for (const { shape, offset, byteLength } of layout.tensors) {
      const values = Float32Array.from({ length: byteLength / 4 }, () =>
        shape.length === 1 ? 1 : (random.uniform() - 0.5) / 8,
      )
      await file.write(new Uint8Array(values.buffer), 0, byteLength, offset)
    }
    await file.truncate(layout.size)
  } finally {
    await file.close()
  }
}
