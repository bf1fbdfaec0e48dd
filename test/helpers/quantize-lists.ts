import type { Koffi } from './llama-cpp.ts'

/** The lists that `llama_model_quantize` takes. */
export interface QuantizeLists {
  /** One number per column, or per column and expert, by the tensor's name. */
  readonly importances?: readonly (readonly [name: string, values: Float32Array])[]
  /** Patterns and ggml's number of the type. */
  readonly tensorTypes?: readonly (readonly [pattern: string, type: number])[]
  /** As one argument each of `--override-kv`: KEY=TYPE:VALUE. */
  readonly overrides?: readonly string[]
}

/** Names the structs of the lists. Source: include/llama.h. */
export function defineListStructs(koffi: Koffi): void {
  koffi.struct('llama_model_imatrix_data', { name: 'const char *', data: 'float *', size: 'size_t' })
  koffi.struct('llama_model_tensor_override', { pattern: 'const char *', type: 'int32_t' })
}

/** Fields of the parameter struct; what they point to lives as long as the process. */
export function listFields(koffi: Koffi, { importances, tensorTypes, overrides }: QuantizeLists) {
  const terminated = (struct: string, entries: readonly object[], end: object) => {
    const memory = koffi.alloc(struct, entries.length + 1)
    koffi.encode(memory, koffi.array(struct, entries.length + 1), [...entries, end])
    return memory
  }
  return {
    ...(importances === undefined
      ? {}
      : {
          imatrix: terminated(
            'llama_model_imatrix_data',
            importances.map(([name, data]) => ({ name, data, size: data.length })),
            { name: null, data: null, size: 0 },
          ),
        }),
    ...(tensorTypes === undefined
      ? {}
      : {
          tt_overrides: terminated(
            'llama_model_tensor_override',
            tensorTypes.map(([pattern, type]) => ({ pattern, type })),
            { pattern: null, type: 0 },
          ),
        }),
    ...(overrides === undefined ? {} : { kv_overrides: overrideStructs(overrides) }),
  }
}

/** 4 bytes of tag, 128 of key, 4 of padding, then a value of 8 bytes or a text of 128. */
const overrideBytes = 4 + 128 + 4 + 128
const tags = { int: 0, float: 1, bool: 2, str: 3 } as const

/** `struct llama_model_kv_override`, one after another, and one without a key at the end. */
function overrideStructs(overrides: readonly string[]): Buffer {
  const bytes = Buffer.alloc(overrideBytes * (overrides.length + 1))
  for (const [i, text] of overrides.entries()) {
    const [, key = '', type, value = ''] = /^([^=]*)=(int|float|bool|str):(.*)$/s.exec(text) ?? []
    const at = i * overrideBytes
    bytes.writeInt32LE(tags[type as keyof typeof tags], at)
    bytes.write(key, at + 4)
    if (type === 'int') bytes.writeBigInt64LE(BigInt(value), at + 136)
    else if (type === 'float') bytes.writeDoubleLE(Number(value), at + 136)
    else if (type === 'bool') bytes.writeUInt8(value === 'true' ? 1 : 0, at + 136)
    else bytes.write(value, at + 136)
  }
  return bytes
}
