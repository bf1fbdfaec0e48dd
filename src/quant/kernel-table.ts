import type { GgmlType } from '../formats/ggml/block-types.ts'

/**
 * The exports of dist/kernels.wasm that serve one ggml type. Both take (source address, target address, blocks); the
 * float side is f32, 16-byte aligned.
 */
export interface TypeKernels {
  readonly quantize: string
  readonly dequantize: string
  /**
   * Whether `quantize` takes, after the blocks of one row, the address of the importances of its weights (f32, 16-byte
   * aligned; 0: none).
   */
  readonly usesImportance?: true
  /** Whether `quantize` must be given importances: without, the few bits left are spent badly. */
  readonly needsImportance?: true
  /** Bytes of tables that the kernels fill in at the first use of the type in an instance. */
  readonly tableBytes?: number
}

/** One row per type that can be written. */
export const typeKernels: Readonly<Partial<Record<GgmlType, TypeKernels>>> = {
  F32: { quantize: 'copyF32', dequantize: 'copyF32' },
  F16: { quantize: 'narrowF16', dequantize: 'widenF16' },
  BF16: { quantize: 'narrowBF16', dequantize: 'widenBF16' },
  Q4_0: { quantize: 'quantizeQ40', dequantize: 'dequantizeQ40', usesImportance: true },
  Q4_1: { quantize: 'quantizeQ41', dequantize: 'dequantizeQ41', usesImportance: true },
  Q5_0: { quantize: 'quantizeQ50', dequantize: 'dequantizeQ50', usesImportance: true },
  Q5_1: { quantize: 'quantizeQ51', dequantize: 'dequantizeQ51', usesImportance: true },
  Q8_0: { quantize: 'quantizeQ80', dequantize: 'dequantizeQ80' },
  Q2_K: { quantize: 'quantizeQ2K', dequantize: 'dequantizeQ2K', usesImportance: true },
  Q3_K: { quantize: 'quantizeQ3K', dequantize: 'dequantizeQ3K', usesImportance: true },
  Q4_K: { quantize: 'quantizeQ4K', dequantize: 'dequantizeQ4K', usesImportance: true },
  Q5_K: { quantize: 'quantizeQ5K', dequantize: 'dequantizeQ5K', usesImportance: true },
  Q6_K: { quantize: 'quantizeQ6K', dequantize: 'dequantizeQ6K', usesImportance: true },
  IQ1_S: {
    quantize: 'quantizeIQ1S',
    dequantize: 'dequantizeIQ1S',
    usesImportance: true,
    needsImportance: true,
    tableBytes: 940_000,
  },
  IQ1_M: { quantize: 'quantizeIQ1M', dequantize: 'dequantizeIQ1M', usesImportance: true, tableBytes: 940_000 },
  IQ2_XXS: {
    quantize: 'quantizeIQ2XXS',
    dequantize: 'dequantizeIQ2XXS',
    usesImportance: true,
    needsImportance: true,
    tableBytes: 510_000,
  },
  IQ2_XS: {
    quantize: 'quantizeIQ2XS',
    dequantize: 'dequantizeIQ2XS',
    usesImportance: true,
    needsImportance: true,
    tableBytes: 690_000,
  },
  IQ2_S: { quantize: 'quantizeIQ2S', dequantize: 'dequantizeIQ2S', usesImportance: true, tableBytes: 260_000 },
  IQ3_XXS: {
    quantize: 'quantizeIQ3XXS',
    dequantize: 'dequantizeIQ3XXS',
    usesImportance: true,
    tableBytes: 140_000,
  },
  IQ3_S: { quantize: 'quantizeIQ3S', dequantize: 'dequantizeIQ3S', usesImportance: true, tableBytes: 170_000 },
  IQ4_NL: { quantize: 'quantizeIQ4NL', dequantize: 'dequantizeIQ4NL', usesImportance: true },
  IQ4_XS: { quantize: 'quantizeIQ4XS', dequantize: 'dequantizeIQ4XS', usesImportance: true },
  TQ1_0: { quantize: 'quantizeTQ10', dequantize: 'dequantizeTQ10' },
  TQ2_0: { quantize: 'quantizeTQ20', dequantize: 'dequantizeTQ20' },
  MXFP4: { quantize: 'quantizeMXFP4', dequantize: 'dequantizeMXFP4' },
  NVFP4: { quantize: 'quantizeNVFP4', dequantize: 'dequantizeNVFP4' },
  Q1_0: { quantize: 'quantizeQ10', dequantize: 'dequantizeQ10' },
  Q2_0: { quantize: 'quantizeQ20', dequantize: 'dequantizeQ20' },
}
