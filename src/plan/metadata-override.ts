import { MiberaError } from '../base/errors.ts'
import { quote } from '../base/quote.ts'
import { bool, f32, type GgufMetadata, type GgufScalar, type GgufValue, string, u32 } from '../formats/gguf/values.ts'
import type { Dimensions } from '../model/description.ts'

/** A key of the output's metadata, and what a person wants there. */
export type MetadataOverride = readonly [key: string, value: GgufScalar]

/** Bytes that llama.cpp has for a key, and for a text, with the closing zero. Source: `llama_model_kv_override`. */
const roomBytes = 128

/** Keys that say how the file itself is laid out. */
const layoutKeys = /^(general\.alignment|general\.architecture|split\..*)$/

/**
 * "KEY=TYPE:VALUE" as llama-quantize's `--override-kv` reads it; a whole number becomes a u32, without its sign.
 * @throws MiberaError USAGE, also for numbers that llama-quantize would cut off or read as 0.
 */
export function parseMetadataOverride(text: string): MetadataOverride {
  const [, key = '', type = '', value = ''] = /^([^=]*)=([^:]*):(.*)$/s.exec(text) ?? []
  if (key === '' || type === '') throw unlawful(text, 'it is not KEY=TYPE:VALUE')
  if (Buffer.byteLength(key) >= roomBytes) throw unlawful(text, `a key has at most ${roomBytes - 1} bytes`)
  if (layoutKeys.test(key)) throw unlawful(text, `${key} says how the file is laid out`)
  return [key, scalar(text, type, value)]
}

function scalar(text: string, type: string, value: string): GgufScalar {
  switch (type) {
    case 'int':
      return u32(wholeNumber(text, value))
    case 'float':
      return f32(floatingNumber(text, value))
    case 'bool':
      if (value !== 'true' && value !== 'false') throw unlawful(text, 'a bool is true or false')
      return bool(value === 'true')
    case 'str':
      if (Buffer.byteLength(value) >= roomBytes) throw unlawful(text, `a text has at most ${roomBytes - 1} bytes`)
      return string(value)
    default:
      throw unlawful(text, `${quote(type)} is none of the types int, float, bool, str`)
  }
}

function wholeNumber(text: string, value: string): number {
  const number = Math.abs(Number(value))
  if (!/^[+-]?\d+$/.test(value) || number >= 2 ** 32) throw unlawful(text, 'an int is a whole number below 2^32')
  return number
}

function floatingNumber(text: string, value: string): number {
  const number = Number(value)
  if (value.trim() === '' || !Number.isFinite(Math.fround(number))) throw unlawful(text, 'a float is a number')
  return number
}

function unlawful(text: string, why: string): MiberaError {
  return new MiberaError('USAGE', `--override-kv: ${quote(text)} is not lawful: ${why}`, {
    subject: '--override-kv',
    hint: 'Give KEY=TYPE:VALUE, such as tokenizer.ggml.add_bos_token=bool:false.',
  })
}

/**
 * `metadata` with the overrides, each moved to the end as llama.cpp does it.
 * @throws MiberaError USAGE for a key that holds a list.
 */
export function overrideMetadata(
  metadata: GgufMetadata,
  overrides: readonly (readonly [string, GgufValue])[],
): GgufMetadata {
  const changed = new Map(metadata)
  for (const [key, value] of overrides) {
    if (changed.get(key)?.type === 'array') {
      throw new MiberaError('USAGE', `--override-kv: ${key} holds a list, which no single value can replace`, {
        subject: key,
        hint: 'Leave it out.',
      })
    }
    changed.delete(key)
    changed.set(key, value)
  }
  return changed
}

/** Keys after the architecture's name whose values the rules about types go by. */
const ruling = {
  block_count: 'layers',
  'attention.head_count': 'heads',
  'attention.head_count_kv': 'kvHeads',
  expert_count: 'experts',
} as const satisfies Record<string, keyof Dimensions>

/** The figures by which llama.cpp chooses types: it reads them from the metadata as overridden. */
export function overrideDimensions(
  dimensions: Dimensions,
  architecture: string,
  overrides: readonly MetadataOverride[],
): Dimensions {
  const changes = overrides.flatMap(([key, value]) => {
    const name = Object.entries(ruling).find(([end]) => key === `${architecture}.${end}`)?.[1]
    return name === undefined || value.type !== 'u32' ? [] : [[name, value.value] as const]
  })
  return { ...dimensions, ...Object.fromEntries(changes) }
}
