import { alignUp } from '../base/checked.ts'
import { MiberaError } from '../base/errors.ts'
import { defaultAlignment } from '../formats/gguf/format.ts'
import { maxSplits, splitKeys } from '../formats/gguf/split.ts'
import type { GgufMetadata } from '../formats/gguf/values.ts'

/** How an output is split over several files, as llama.cpp's gguf-split does it. */
export interface SplitRule {
  /** Most bytes of tensors in a file, its header not counted. A tensor that is larger has a file to itself. */
  readonly maxBytes?: number
  /** Most tensors in a file, where `maxBytes` is not given. */
  readonly maxTensors?: number
  /** The first file holds metadata only. */
  readonly firstWithoutTensors?: boolean
}

/**
 * Deals tensors out to files, in their order.
 * @param sizes bytes of each tensor's blocks.
 * @returns for each file the positions of its tensors.
 * @throws MiberaError USAGE for more files than there can be.
 */
export function splitTensors(sizes: readonly number[], rule: SplitRule): number[][] {
  const groups: number[][] = rule.firstWithoutTensors === true ? [[]] : []
  let bytes = 0
  for (const [index, size] of sizes.entries()) {
    const padded = alignUp(size, defaultAlignment)
    const current = groups.at(-1)
    const isFull =
      rule.maxBytes === undefined ? index % (rule.maxTensors ?? sizes.length) === 0 : bytes + padded > rule.maxBytes
    // The file that holds metadata only is never added to.
    if (current === undefined || isFull || index === 0) {
      groups.push([index])
      bytes = padded
    } else {
      current.push(index)
      bytes += padded
    }
  }
  if (groups.length <= maxSplits) return groups
  throw new MiberaError('USAGE', `the output would be split into ${groups.length} files`, {
    hint: `At most ${maxSplits} are possible: give a larger --split-max-size or --split-max-tensors.`,
  })
}

/**
 * The metadata of one file of a split. The first has all of the model's; the order of the three keys is that of
 * `llama_model_quantize`.
 */
export function shardMetadata(
  model: GgufMetadata,
  { index, count, tensors }: { readonly index: number; readonly count: number; readonly tensors: number },
): GgufMetadata {
  return new Map([
    ...(index === 0 ? model : []),
    [splitKeys.number, { type: 'u16', value: index }] as const,
    [splitKeys.count, { type: 'u16', value: count }] as const,
    [splitKeys.tensors, { type: 'i32', value: tensors }] as const,
  ])
}
