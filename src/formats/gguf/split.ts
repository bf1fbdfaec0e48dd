import { basename } from 'node:path'
import type { GgufMetadata } from './values.ts'

/*
 * A model in several GGUF files. The first has all metadata, each has these keys and its share of the tensors.
 * Source: llama.cpp's tools/gguf-split and `llama_split_path`, `llama_model_loader` in src/.
 */

export const splitKeys = {
  /** Position of the file, from 0. */
  number: 'split.no',
  /** How many files there are. */
  count: 'split.count',
  /** How many tensors all files have together. */
  tensors: 'split.tensors.count',
} as const

/** Most files of a model: five digits in their names, and llama.cpp counts them in 16 bits. */
export const maxSplits = 2 ** 16 - 1

export interface SplitPlace {
  readonly number: number
  readonly count: number
  /** `undefined` where the file does not say. */
  readonly tensors: number | undefined
}

/** Where a file stands among those of its model; `undefined` for the only one, or figures that make no sense. */
export function splitPlace(metadata: GgufMetadata): SplitPlace | undefined {
  const count = wholeNumber(metadata, splitKeys.count)
  const number = wholeNumber(metadata, splitKeys.number)
  if (count === undefined || count < 2 || number === undefined) return undefined
  return { number, count, tensors: wholeNumber(metadata, splitKeys.tensors) }
}

/** "NAME-00002-of-00003.gguf": name of file `number`, counted from 0. */
export function splitName(stem: string, number: number, count: number): string {
  return `${stem}-${fiveDigits(number + 1)}-of-${fiveDigits(count)}.gguf`
}

/** What stands before "-00001-of-00003.gguf" in the name of the first of `count` files; `undefined` for another name. */
export function splitStem(path: string, count: number): string | undefined {
  const name = basename(path)
  const ending = splitName('', 0, count)
  return name.length > ending.length && name.endsWith(ending) ? name.slice(0, -ending.length) : undefined
}

function wholeNumber(metadata: GgufMetadata, key: string): number | undefined {
  const value = metadata.get(key)
  if (value === undefined || value.type === 'array') return undefined
  const number = typeof value.value === 'bigint' ? Number(value.value) : value.value
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 ? number : undefined
}

function fiveDigits(number: number): string {
  return String(number).padStart(5, '0')
}
