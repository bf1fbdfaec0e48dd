import type { GgmlType } from '../formats/ggml/block-types.ts'
import type { SliceInput } from './protocol.ts'

/** Whether the rows are of the output's own type: their bytes are its blocks. */
export function isCopied({ type, input }: { readonly type: GgmlType; readonly input: SliceInput['input'] }): boolean {
  return input.kind === 'segments' && input.dtype === type
}

/**
 * Whether rows stored as `dtype` are turned into F32 on their way to `type`. Where floats are copied too, to find NaN and
 * infinity among them; of what else is copied, the scales of the blocks tell.
 */
export function needsWidening(dtype: GgmlType, type: GgmlType): boolean {
  if (dtype === 'F32') return false
  return dtype !== type || dtype === 'F16' || dtype === 'BF16'
}
