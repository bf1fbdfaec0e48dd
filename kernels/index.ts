/** What the compiled kernels export. Which of it serves which type: src/quant/kernel-table.ts. */
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
export { dequantizeQ2K, quantizeQ2K } from './q2_k'
export { dequantizeQ4K, quantizeQ4K } from './q4_k'
export { dequantizeQ5K, quantizeQ5K } from './q5_k'
export { dequantizeQ80, quantizeQ80 } from './q8_0'

/** The first address above the kernels' own data. */
export function heapBase(): usize {
  return __heap_base
}
