import type { GgufNumberType } from './values.ts'

/*
 * Figures of the GGUF format. Source: the GGUF specification (ggml docs/gguf.md) and gguf.h of llama.cpp.
 */

/** The first four bytes, "GGUF", as a little-endian number. */
export const magic = 0x46554747

/** The version that is written; readable are 2, which is the same on disk, and 3. */
export const version = 3

/** Every tensor begins at a multiple of this, counted from the first, unless `general.alignment` says otherwise. */
export const defaultAlignment = 32

export const alignmentKey = 'general.alignment'

/** Most dimensions of a tensor: GGML_MAX_DIMS. */
export const maxDimensions = 4

/** Bytes and number on disk of each value type. */
export const valueTypes = {
  u8: { id: 0, bytes: 1 },
  i8: { id: 1, bytes: 1 },
  u16: { id: 2, bytes: 2 },
  i16: { id: 3, bytes: 2 },
  u32: { id: 4, bytes: 4 },
  i32: { id: 5, bytes: 4 },
  f32: { id: 6, bytes: 4 },
  bool: { id: 7, bytes: 1 },
  u64: { id: 10, bytes: 8 },
  i64: { id: 11, bytes: 8 },
  f64: { id: 12, bytes: 8 },
} as const satisfies Record<GgufNumberType | 'bool' | 'u64' | 'i64', { id: number; bytes: number }>

export type FixedSizeType = keyof typeof valueTypes

export const stringTypeId = 8
export const arrayTypeId = 9

/** The number of a scalar type, as it stands before a value or an array's elements. */
export function typeId(type: FixedSizeType | 'string'): number {
  return type === 'string' ? stringTypeId : valueTypes[type].id
}

/** The type that has the number `id`, or `undefined` for an array or a number that is not in use. */
export function scalarTypeById(id: number): FixedSizeType | 'string' | undefined {
  if (id === stringTypeId) return 'string'
  return (Object.keys(valueTypes) as FixedSizeType[]).find((type) => valueTypes[type].id === id)
}
