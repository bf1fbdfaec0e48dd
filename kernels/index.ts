/** What the compiled kernels export. Which of it serves which type: src/quant/kernel-table.ts. */
export { fletcher } from './fletcher'
export {
  copyF32,
  countNonFinite,
  energy,
  narrowBF16,
  narrowF16,
  squaredError,
  widenBF16,
  widenF16,
} from './floats'
export { dequantizeIQ1M, quantizeIQ1M } from './iq1_m'
export { dequantizeIQ1S, quantizeIQ1S } from './iq1_s'
export { dequantizeIQ2S, quantizeIQ2S } from './iq2_s'
export { dequantizeIQ2XS, quantizeIQ2XS } from './iq2_xs'
export { dequantizeIQ2XXS, quantizeIQ2XXS } from './iq2_xxs'
export { dequantizeIQ3S, quantizeIQ3S } from './iq3_s'
export { dequantizeIQ3XXS, quantizeIQ3XXS } from './iq3_xxs'
export { dequantizeIQ4NL, quantizeIQ4NL } from './iq4_nl'
export { dequantizeIQ4XS, quantizeIQ4XS } from './iq4_xs'
export { dequantizeMXFP4, quantizeMXFP4 } from './mxfp4'
export { dequantizeNVFP4, quantizeNVFP4 } from './nvfp4'
export { dequantizeQ10, quantizeQ10 } from './q1_0'
export { dequantizeQ20, quantizeQ20 } from './q2_0'
export { dequantizeQ2K, quantizeQ2K } from './q2_k'
export { dequantizeQ3K, quantizeQ3K } from './q3_k'
export { dequantizeQ40, quantizeQ40 } from './q4_0'
export { dequantizeQ41, quantizeQ41 } from './q4_1'
export { dequantizeQ4K, quantizeQ4K } from './q4_k'
export { dequantizeQ50, quantizeQ50 } from './q5_0'
export { dequantizeQ51, quantizeQ51 } from './q5_1'
export { dequantizeQ5K, quantizeQ5K } from './q5_k'
export { dequantizeQ6K, quantizeQ6K } from './q6_k'
export { dequantizeQ80, quantizeQ80 } from './q8_0'
export { dequantizeTQ10, quantizeTQ10 } from './tq1_0'
export { dequantizeTQ20, quantizeTQ20 } from './tq2_0'

/** The first address above the kernels' own data. */
export function heapBase(): usize {
  return __heap_base
}
