import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openModelFolder } from '#dist/formats/safetensors/open-folder.js'
import type { ModelShape } from '../../fixtures/model-shapes.ts'
import { type FixtureTensor, tensorBytes, writeSafetensors } from '../../fixtures/safetensors-file.ts'

interface TensorWithBytes extends FixtureTensor {
  readonly bytes: Uint8Array
}

/**
 * "Llama-fies" a fused model: the very same weights, with q, k, v and gate, up as tensors of their own. Written here
 * from what the layout means, not with the program's own code for it.
 */
export async function splitFused(fused: string, split: string, shape: ModelShape): Promise<void> {
  const { heads, kvHeads, headSize, feedForward } = shape
  const rows: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
    'self_attn.qkv_proj': [
      ['self_attn.q_proj', heads * headSize],
      ['self_attn.k_proj', kvHeads * headSize],
      ['self_attn.v_proj', kvHeads * headSize],
    ],
    'mlp.gate_up_proj': [
      ['mlp.gate_proj', feedForward],
      ['mlp.up_proj', feedForward],
    ],
  }
  const tensors = (await tensorsOf(fused)).flatMap((tensor) => {
    const kind = Object.keys(rows).find((name) => tensor.name.includes(name))
    return kind === undefined ? [tensor] : cut(tensor, kind, rows[kind] ?? [])
  })
  await writeSafetensors(join(split, 'model.safetensors'), tensors, ({ bytes }) => [bytes])
}

async function tensorsOf(folder: string): Promise<TensorWithBytes[]> {
  const model = await openModelFolder(folder)
  const shards = await Promise.all(model.shards.map(({ path }) => readFile(path)))
  return [...model.tensors.values()].map(({ name, dtype, shape, shard, offset, byteLength }) => {
    const bytes = shards[shard]?.subarray(offset, offset + byteLength)
    if (bytes === undefined) throw new Error(`no shard ${shard}`)
    return { name, dtype, shape, bytes }
  })
}

function cut(tensor: TensorWithBytes, kind: string, parts: readonly (readonly [string, number])[]): TensorWithBytes[] {
  const columns = tensor.shape[1] ?? 0
  let at = 0
  return parts.map(([name, rows]) => {
    const part = { name: tensor.name.replace(kind, name), dtype: tensor.dtype, shape: [rows, columns] }
    const bytes = tensor.bytes.subarray(at, at + tensorBytes(part))
    at += bytes.length
    return { ...part, bytes }
  })
}
