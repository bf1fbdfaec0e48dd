import { truncate, writeFile } from 'node:fs/promises'
import type { Dimensions } from './model-shapes.ts'

/** What of a tensor its header entry says; `shape` is outermost first. */
export interface HollowTensor {
  readonly name: string
  readonly shape: readonly number[]
}

const alignment = 32
const valueTypes = { u32: 4, f32: 6, string: 8 } as const
const f32Id = 0

/**
 * Writes an F32 GGUF whose header is true and whose weights are all zero: a hole in the file, so that a model of
 * any size costs no disk. Hand-made from the GGUF specification, independently of this project's own writer.
 */
export async function writeHollowGguf(
  path: string,
  { architecture, ...model }: Dimensions,
  tensors: readonly HollowTensor[],
): Promise<void> {
  const metadata: Key[] = [
    ['general.architecture', 'string', architecture],
    [`${architecture}.block_count`, 'u32', model.layers],
    [`${architecture}.context_length`, 'u32', 4096],
    [`${architecture}.embedding_length`, 'u32', model.hidden],
    [`${architecture}.feed_forward_length`, 'u32', model.feedForward],
    [`${architecture}.attention.head_count`, 'u32', model.heads],
    [`${architecture}.attention.head_count_kv`, 'u32', model.kvHeads],
    [`${architecture}.attention.sliding_window`, 'u32', 4096],
    [`${architecture}.attention.layer_norm_rms_epsilon`, 'f32', 1e-5],
    [`${architecture}.attention.layer_norm_epsilon`, 'f32', 1e-5],
    [`${architecture}.attention.kv_lora_rank`, 'u32', model.headSize],
    [`${architecture}.attention.q_lora_rank`, 'u32', model.headSize],
    [`${architecture}.attention.key_length_mla`, 'u32', model.headSize],
    [`${architecture}.attention.value_length_mla`, 'u32', model.headSize],
    [`${architecture}.leading_dense_block_count`, 'u32', 1],
    [`${architecture}.expert_feed_forward_length`, 'u32', model.feedForward],
    [`${architecture}.expert_shared_count`, 'u32', 1],
    ...expertKeys(architecture, model.experts),
    [`${architecture}.attention.key_length`, 'u32', model.headSize],
    [`${architecture}.attention.value_length`, 'u32', model.headSize],
    [`${architecture}.rope.dimension_count`, 'u32', model.headSize],
    ['tokenizer.ggml.model', 'string', 'no_vocab'],
    [`${architecture}.vocab_size`, 'u32', model.vocabulary],
  ]
  const header = new HeaderBytes()
  header.ascii('GGUF').u32(3).u64(tensors.length).u64(metadata.length)
  for (const [key, type, value] of metadata) {
    header.string(key).u32(valueTypes[type])
    if (typeof value === 'string') header.string(value)
    else if (type === 'f32') header.f32(value)
    else header.u32(value)
  }
  let offset = 0
  for (const { name, shape } of tensors) {
    header.string(name).u32(shape.length)
    for (const size of shape.toReversed()) header.u64(size)
    header.u32(f32Id).u64(offset)
    offset += aligned(4 * shape.reduce((product, size) => product * size, 1))
  }
  const bytes = header.take()
  await writeFile(path, bytes)
  await truncate(path, aligned(bytes.length) + offset)
}

type Key = readonly [key: string, type: keyof typeof valueTypes, value: number | string]

function expertKeys(architecture: string, experts: number): Key[] {
  if (experts === 0) return []
  return [
    [`${architecture}.expert_count`, 'u32', experts],
    [`${architecture}.expert_used_count`, 'u32', 2],
  ]
}

const aligned = (position: number): number => Math.ceil(position / alignment) * alignment

/** Little-endian fields one after another. */
class HeaderBytes {
  readonly #parts: Buffer[] = []

  ascii(text: string): this {
    this.#parts.push(Buffer.from(text, 'latin1'))
    return this
  }

  u32(value: number): this {
    return this.#number(4, (bytes) => bytes.writeUInt32LE(value))
  }

  u64(value: number): this {
    return this.#number(8, (bytes) => bytes.writeBigUInt64LE(BigInt(value)))
  }

  f32(value: number): this {
    return this.#number(4, (bytes) => bytes.writeFloatLE(value))
  }

  string(text: string): this {
    return this.u64(text.length).ascii(text)
  }

  take(): Buffer {
    return Buffer.concat(this.#parts)
  }

  #number(size: number, write: (bytes: Buffer) => void): this {
    const bytes = Buffer.alloc(size)
    write(bytes)
    this.#parts.push(bytes)
    return this
  }
}
