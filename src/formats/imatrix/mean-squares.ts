import { quote } from '../../base/quote.ts'
import type { ByteSource } from '../../disk/byte-source.ts'
import type { Importance } from './imatrix.ts'
import { malformed } from './imatrix-errors.ts'

/**
 * Sums of squares over how often they were added to. Divided as llama-quantize does, f32 by f32: a double quotient of
 * two floats, rounded to a float, is the float quotient.
 *
 * @param counts one for all `sums`, or one per expert: then as many sums belong to each.
 * @param unmeasured what a sum becomes whose count is 0.
 * @throws MiberaError IMATRIX_MALFORMED for sums or counts that no measurement gives: NaN, infinite, negative.
 */
export function meanSquares(
  source: ByteSource,
  entry: string,
  sums: Float32Array,
  counts: readonly number[],
  unmeasured: (sum: number) => number,
): Importance {
  const values = new Float32Array(new SharedArrayBuffer(sums.byteLength))
  const perCount = sums.length / counts.length
  counts.forEach((given, index) => {
    if (!Number.isFinite(given) || given < 0) throw malformed(source, `${quote(entry)} was measured ${given} times`)
    const count = Math.fround(given)
    for (let at = index * perCount; at < (index + 1) * perCount; at++) {
      const sum = sums[at] ?? 0
      // Also NaN.
      if (!(sum >= 0 && sum < Number.POSITIVE_INFINITY)) {
        throw malformed(source, `value ${at} of ${quote(entry)} is ${sum}, which no sum of squares is`)
      }
      values[at] = count > 0 ? sum / count : unmeasured(sum)
    }
  })
  return values
}
