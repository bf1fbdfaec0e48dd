import fc from 'fast-check'
import { blockTypes, ggmlTypeNames } from '#dist/formats/ggml/block-types.js'
import type { GgufTensorInfo } from '#dist/formats/gguf/layout.js'
import type { GgufMetadata, GgufValue } from '#dist/formats/gguf/values.js'

const text = fc.string({ unit: 'grapheme', maxLength: 12 })

const whole = (bits: number, signed: boolean) =>
  fc.integer({ min: signed ? -(2 ** (bits - 1)) : 0, max: 2 ** (signed ? bits - 1 : bits) - 1 })

const elements = {
  u8: whole(8, false),
  i8: whole(8, true),
  u16: whole(16, false),
  i16: whole(16, true),
  u32: whole(32, false),
  i32: whole(32, true),
  f32: fc.float(),
  f64: fc.double(),
  u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  i64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  bool: fc.boolean(),
  string: text,
} as const

const value: fc.Arbitrary<GgufValue> = fc.constantFrom(...Object.entries(elements)).chain(([type, element]) => {
  const any = element as fc.Arbitrary<unknown>
  const scalar = any.map((value) => ({ type, value }) as GgufValue)
  const array = fc.array(any, { maxLength: 40 }).map((value) => ({ type: 'array', of: type, value }) as GgufValue)
  return fc.oneof(scalar, array)
})

/** Any metadata with values of every type. */
export const anyMetadata: fc.Arbitrary<GgufMetadata> = fc
  .uniqueArray(fc.tuple(fc.string({ unit: 'grapheme', minLength: 1 }), value), {
    selector: ([key]) => key,
    maxLength: 8,
  })
  .filter((entries) => entries.every(([key]) => key !== 'general.alignment'))
  .map((entries) => new Map(entries))

const tensor = fc
  .tuple(fc.constantFrom(...ggmlTypeNames), fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }))
  .map(([type, sizes]) => {
    const columns = (sizes.at(-1) ?? 1) * blockTypes[type].blockWeights
    return { type, shape: [...sizes.slice(0, -1), columns] }
  })

/** Tensors of every type with one to four dimensions. */
export const anyTensors: fc.Arbitrary<GgufTensorInfo[]> = fc
  .uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 20 }), tensor), {
    selector: ([name]) => name,
    maxLength: 8,
  })
  .map((named) => named.map(([name, rest]) => ({ name, ...rest })))
