/**
 * The storage types of GGUF: `id` is ggml's number, and `blockBytes` bytes hold
 * `blockWeights` consecutive weights of one row.
 * Source: ggml.h (`enum ggml_type`) and ggml-common.h (block structs) of llama.cpp.
 */
export interface BlockType {
  readonly id: number
  readonly blockWeights: number
  readonly blockBytes: number
}

/** Weights in a superblock of the K-quants. */
const superblock = 256
/** Bytes of a half-precision scale. */
const half = 2

const types = {
  F32: { id: 0, blockWeights: 1, blockBytes: 4 },
  F16: { id: 1, blockWeights: 1, blockBytes: half },
  BF16: { id: 30, blockWeights: 1, blockBytes: half },
  Q4_0: { id: 2, blockWeights: 32, blockBytes: half + 32 / 2 },
  Q4_1: { id: 3, blockWeights: 32, blockBytes: 2 * half + 32 / 2 },
  Q5_0: { id: 6, blockWeights: 32, blockBytes: half + 32 / 8 + 32 / 2 },
  Q5_1: { id: 7, blockWeights: 32, blockBytes: 2 * half + 32 / 8 + 32 / 2 },
  Q8_0: { id: 8, blockWeights: 32, blockBytes: half + 32 },
  Q2_K: { id: 10, blockWeights: superblock, blockBytes: superblock / 16 + superblock / 4 + 2 * half },
  Q3_K: { id: 11, blockWeights: superblock, blockBytes: superblock / 8 + superblock / 4 + 12 + half },
  Q4_K: { id: 12, blockWeights: superblock, blockBytes: 2 * half + 12 + superblock / 2 },
  Q5_K: { id: 13, blockWeights: superblock, blockBytes: 2 * half + 12 + superblock / 8 + superblock / 2 },
  Q6_K: { id: 14, blockWeights: superblock, blockBytes: superblock / 2 + superblock / 4 + superblock / 16 + half },
  IQ1_S: { id: 19, blockWeights: superblock, blockBytes: half + superblock / 8 + superblock / 16 },
  IQ1_M: { id: 29, blockWeights: superblock, blockBytes: superblock / 8 + superblock / 16 + superblock / 32 },
  IQ2_XXS: { id: 16, blockWeights: superblock, blockBytes: half + superblock / 4 },
  IQ2_XS: { id: 17, blockWeights: superblock, blockBytes: half + superblock / 4 + superblock / 32 },
  IQ2_S: { id: 22, blockWeights: superblock, blockBytes: half + superblock / 4 + superblock / 16 },
  IQ3_XXS: { id: 18, blockWeights: superblock, blockBytes: half + superblock / 4 + superblock / 8 },
  IQ3_S: {
    id: 21,
    blockWeights: superblock,
    blockBytes: half + superblock / 4 + superblock / 32 + superblock / 8 + superblock / 64,
  },
  IQ4_NL: { id: 20, blockWeights: 32, blockBytes: half + 32 / 2 },
  IQ4_XS: { id: 23, blockWeights: superblock, blockBytes: 2 * half + superblock / 64 + superblock / 2 },
  TQ1_0: { id: 34, blockWeights: superblock, blockBytes: (superblock - superblock / 16) / 5 + superblock / 64 + half },
  TQ2_0: { id: 35, blockWeights: superblock, blockBytes: superblock / 4 + half },
  MXFP4: { id: 39, blockWeights: 32, blockBytes: 1 + 32 / 2 },
  NVFP4: { id: 40, blockWeights: 64, blockBytes: 64 / 16 + 64 / 2 },
  Q1_0: { id: 41, blockWeights: 128, blockBytes: half + 128 / 8 },
  Q2_0: { id: 42, blockWeights: 64, blockBytes: half + 64 / 4 },
  // Only ever copied: what models have in these is no matter of quantization.
  F64: { id: 28, blockWeights: 1, blockBytes: 8 },
  I8: { id: 24, blockWeights: 1, blockBytes: 1 },
  I16: { id: 25, blockWeights: 1, blockBytes: 2 },
  I32: { id: 26, blockWeights: 1, blockBytes: 4 },
  I64: { id: 27, blockWeights: 1, blockBytes: 8 },
} as const satisfies Record<string, BlockType>

export type GgmlType = keyof typeof types

export const blockTypes: Readonly<Record<GgmlType, BlockType>> = types

/** The type with ggml's number `id`, or `undefined` for one this program does not know. */
export function ggmlTypeById(id: number): GgmlType | undefined {
  return ggmlTypeNames.find((name) => types[name].id === id)
}

export function isGgmlType(name: string): name is GgmlType {
  return Object.hasOwn(types, name)
}

/** Whether blocks of `type` hold several weights: what was stored so is no longer what it was. */
export function isQuantized(type: GgmlType): boolean {
  return types[type].blockWeights > 1
}

export const ggmlTypeNames = Object.keys(types) as readonly GgmlType[]

/** Whether rows of `columns` weights can be stored as `type`: each row is a whole number of blocks. */
export function rowsFit(type: GgmlType, columns: number): boolean {
  return columns % types[type].blockWeights === 0
}

/**
 * Bytes of one row of `columns` weights stored as `type`.
 * @throws RangeError when `columns` is not a whole number of blocks.
 */
export function rowBytes(type: GgmlType, columns: number): number {
  if (!rowsFit(type, columns))
    throw new RangeError(`a row of ${columns} weights is not a whole number of ${type} blocks`)
  return (columns / types[type].blockWeights) * types[type].blockBytes
}
