import { blockTypes, type GgmlType } from '../formats/ggml/block-types.ts'

/**
 * Byte positions of a block's half-precision scales. Weights too large for them give an infinite scale, and a model
 * that answers with NaN: llama.cpp refuses such blocks too (ggml_validate_row_data).
 * Source: block structs of ggml-common.h.
 */
const scaleOffsets: Readonly<Record<GgmlType, readonly number[]>> = {
  F32: [],
  F16: [0],
  BF16: [0],
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  IQ1_S: [0],
  IQ2_XXS: [0],
  IQ2_XS: [0],
  IQ2_S: [0],
  IQ3_XXS: [0],
  IQ3_S: [0],
  IQ4_NL: [0],
  IQ4_XS: [0],
  TQ1_0: [52],
  TQ2_0: [64],
  // No scale that is written is infinite; MXFP4's exponent 255 comes of weights below 2^-125, and all levels are 0.
  MXFP4: [],
  NVFP4: [],
  Q1_0: [0],
  Q2_0: [0],
  F64: [],
  I8: [],
  I16: [],
  I32: [],
  I64: [],
}

/** All exponent bits of a half, and of a BF16: set, they mean infinite or NaN. */
const halfExponent = 0x7c00
const bf16Exponent = 0x7f80

/** The first weight (counted from the first block) whose block has an infinite or NaN scale, or `undefined`. */
export function findOverflow(type: GgmlType, blocks: Uint8Array): number | undefined {
  const { blockBytes, blockWeights } = blockTypes[type]
  const exponent = type === 'BF16' ? bf16Exponent : halfExponent
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength)
  for (const scale of scaleOffsets[type]) {
    for (let at = scale; at < blocks.length; at += blockBytes) {
      if ((view.getUint16(at, true) & exponent) === exponent) return Math.floor(at / blockBytes) * blockWeights
    }
  }
  return undefined
}
