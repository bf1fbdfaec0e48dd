import { writeFile } from 'node:fs/promises'
import type { GgmlType } from '#dist/formats/ggml/block-types.js'
import { type GgufTensorInfo, layOut } from '#dist/formats/gguf/layout.js'
import { f32, type GgufMetadata, type GgufValue, string, u32 } from '#dist/formats/gguf/values.js'
import { seededRandom } from './random.ts'

const width = 256
const rows = 24

/** What llama.cpp's quantizer asks of a small Llama. */
export function llamaMetadata(more: Iterable<readonly [string, GgufValue]> = []): Map<string, GgufValue> {
  return new Map<string, GgufValue>([
    ['general.architecture', string('llama')],
    ['llama.block_count', u32(2)],
    ['llama.context_length', u32(64)],
    ['llama.embedding_length', u32(width)],
    ['llama.feed_forward_length', u32(width)],
    ['llama.attention.head_count', u32(4)],
    ['llama.attention.head_count_kv', u32(1)],
    ['llama.attention.layer_norm_rms_epsilon', f32(2 ** -17)],
    ['llama.vocab_size', u32(rows)],
    ['tokenizer.ggml.model', string('no_vocab')],
    ...more,
  ])
}

/** The matrices of such a Llama, with few rows each: no rule counts rows. */
export function llamaTensors(type: GgmlType = 'F32'): GgufTensorInfo[] {
  const inLayers = [0, 1].flatMap((layer) => [
    { name: `blk.${layer}.attn_norm.weight`, shape: [width], type: 'F32' as const },
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'].map((part) => ({
      ...{ name: `blk.${layer}.${part}.weight`, shape: [rows, width], type },
    })),
  ])
  return [
    { name: 'token_embd.weight', shape: [rows, width], type },
    ...inLayers,
    { name: 'output_norm.weight', shape: [width], type: 'F32' },
    { name: 'output.weight', shape: [rows, width], type },
  ]
}

/** Writes a GGUF with noise in its tensors: normal numbers in those of F32, F16 and BF16, any bytes in the others. */
export async function writeFilledGguf(
  path: string,
  metadata: GgufMetadata,
  tensors: readonly GgufTensorInfo[],
): Promise<void> {
  const { header, tensors: placed, size } = layOut(metadata, tensors)
  const bytes = Buffer.alloc(size)
  bytes.set(header)
  const random = seededRandom(11)
  for (const { type, offset, byteLength } of placed) fill(bytes.subarray(offset, offset + byteLength), type, random)
  await writeFile(path, bytes)
}

function fill(bytes: Buffer, type: GgmlType, random: ReturnType<typeof seededRandom>): void {
  if (type === 'F32') {
    for (let at = 0; at < bytes.length; at += 4) bytes.writeFloatLE(random.gaussian() / 8, at)
    return
  }
  for (let at = 0; at < bytes.length; at++) bytes[at] = random.integer(256)
  // Small exponents in both half formats, never those of infinity; the same in the scales of Q8_0.
  if (type === 'Q8_0') for (let at = 1; at < bytes.length; at += 34) bytes[at] = (bytes[at] ?? 0) & 0xaf
  if (type === 'F16' || type === 'BF16')
    for (let at = 1; at < bytes.length; at += 2) bytes[at] = (bytes[at] ?? 0) & 0xaf
}

const number = (type: 'u16' | 'i32', value: number): GgufValue => ({ type, value })

/** Writes the tensors into several files, named and keyed as llama.cpp's gguf-split does; their paths. */
export async function writeSplitGguf(
  stem: string,
  metadata: GgufMetadata,
  parts: readonly (readonly GgufTensorInfo[])[],
): Promise<string[]> {
  const five = (value: number) => String(value).padStart(5, '0')
  const paths = parts.map((_, index) => `${stem}-${five(index + 1)}-of-${five(parts.length)}.gguf`)
  for (const [index, tensors] of parts.entries()) {
    const keys = new Map<string, GgufValue>([
      ...(index === 0 ? metadata : []),
      ['split.no', number('u16', index)],
      ['split.count', number('u16', parts.length)],
      ['split.tensors.count', number('i32', parts.flat().length)],
    ])
    await writeFilledGguf(paths[index] ?? '', keys, tensors)
  }
  return paths
}
