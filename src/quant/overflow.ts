import { blockTypes, type GgmlType } from '../formats/ggml/block-types.ts'

/** Bits of one byte of a block. */
interface Bits {
  readonly at: number
  readonly mask: number
}

/** Where the exponent of a scale lies: in one byte or in two. All its bits set mean infinite or NaN. */
type Exponent = readonly [Bits] | readonly [Bits, Bits]

/** The exponent of a half-precision scale at a byte of the block. */
const half = (at: number): Exponent => [{ at: at + 1, mask: 0x7c }]

/**
 * A block's scales. Weights too large for them give an infinite scale, and a model that answers with NaN: llama.cpp
 * refuses such blocks too (ggml_validate_row_data).
 * Source: block structs of ggml-common.h.
 */
const exponents: Readonly<Record<GgmlType, readonly Exponent[]>> = {
  F32: [],
  F16: [half(0)],
  BF16: [
    [
      { at: 0, mask: 0x80 },
      { at: 1, mask: 0x7f },
    ],
  ],
  Q4_0: [half(0)],
  Q4_1: [half(0), half(2)],
  Q5_0: [half(0)],
  Q5_1: [half(0), half(2)],
  Q8_0: [half(0)],
  Q2_K: [half(80), half(82)],
  Q3_K: [half(108)],
  Q4_K: [half(0), half(2)],
  Q5_K: [half(0), half(2)],
  Q6_K: [half(208)],
  IQ1_S: [half(0)],
  // The top quarter of each of its last four words is a quarter of the scale.
  IQ1_M: [
    [
      { at: 53, mask: 0xc0 },
      { at: 55, mask: 0x70 },
    ],
  ],
  IQ2_XXS: [half(0)],
  IQ2_XS: [half(0)],
  IQ2_S: [half(0)],
  IQ3_XXS: [half(0)],
  IQ3_S: [half(0)],
  IQ4_NL: [half(0)],
  IQ4_XS: [half(0)],
  TQ1_0: [half(52)],
  TQ2_0: [half(64)],
  // No scale that is written is infinite; MXFP4's exponent 255 comes of weights below 2^-125, and all levels are 0.
  MXFP4: [],
  NVFP4: [],
  Q1_0: [half(0)],
  Q2_0: [half(0)],
  F64: [],
  I8: [],
  I16: [],
  I32: [],
  I64: [],
}

/** The first weight (counted from the first block) whose block has an infinite or NaN scale, or `undefined`. */
export function findOverflow(type: GgmlType, blocks: Uint8Array): number | undefined {
  const { blockBytes, blockWeights } = blockTypes[type]
  for (const [first, second = first] of exponents[type]) {
    for (let block = 0; block < blocks.length; block += blockBytes) {
      if (allSet(blocks, block, first) && allSet(blocks, block, second)) return (block / blockBytes) * blockWeights
    }
  }
  return undefined
}

function allSet(blocks: Uint8Array, block: number, { at, mask }: Bits): boolean {
  return ((blocks[block + at] ?? 0) & mask) === mask
}
