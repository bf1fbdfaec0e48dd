import { MiberaError } from '../base/errors.ts'
import { isQuantized } from '../formats/ggml/block-types.ts'
import type { PlannedTensor } from './plan.ts'

/**
 * Refuses to make blocks of what comes out of other blocks, as llama.cpp does: what the first quantization lost stays
 * lost, and the second loses more. Tensors that are copied are no matter.
 * @throws MiberaError REQUANTIZE_REFUSED
 */
export function refuseRequantizing(tensors: readonly PlannedTensor[]): void {
  const requantized = tensors.filter(({ source, type }) => {
    return source.kind === 'rows' && source.dtype !== type && isQuantized(source.dtype)
  })
  const [first] = requantized
  if (first?.source.kind !== 'rows') return
  const more = requantized.length - 1
  const others = more === 0 ? '' : `, as would ${more} more ${more === 1 ? 'tensor' : 'tensors'}`
  throw new MiberaError(
    'REQUANTIZE_REFUSED',
    `${first.name} is ${first.source.dtype} already and would be quantized anew to ${first.type}${others}`,
    {
      subject: first.name,
      hint: 'Quantize from an F32, F16 or BF16 file for full quality, or add --allow-requantize.',
    },
  )
}
