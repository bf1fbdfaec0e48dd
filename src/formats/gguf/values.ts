/** A GGUF metadata value with its type on disk. Source: the GGUF specification (ggml docs/gguf.md), version 3. */
export type GgufValue = GgufScalar | GgufArray

export type GgufScalar =
  | { readonly type: GgufNumberType; readonly value: number }
  | { readonly type: 'u64' | 'i64'; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }

export type GgufNumberType = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64'

export type GgufArray =
  | { readonly type: 'array'; readonly of: GgufNumberType; readonly value: readonly number[] }
  | { readonly type: 'array'; readonly of: 'u64' | 'i64'; readonly value: readonly bigint[] }
  | { readonly type: 'array'; readonly of: 'bool'; readonly value: readonly boolean[] }
  | { readonly type: 'array'; readonly of: 'string'; readonly value: readonly string[] }

/** Metadata in the order in which it is written. Keys are unique. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>

export const u32 = (value: number): GgufScalar => ({ type: 'u32', value })
export const f32 = (value: number): GgufScalar => ({ type: 'f32', value })
export const bool = (value: boolean): GgufScalar => ({ type: 'bool', value })
export const string = (value: string): GgufScalar => ({ type: 'string', value })
export const strings = (value: readonly string[]): GgufArray => ({ type: 'array', of: 'string', value })
export const i32s = (value: readonly number[]): GgufArray => ({ type: 'array', of: 'i32', value })
