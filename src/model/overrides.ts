import { MiberaError } from '../base/errors.ts'
import { nearestName } from '../base/nearest-name.ts'
import { quote } from '../base/quote.ts'

/** What the person says of the model with `--override key=value`, checked. */
export interface Overrides {
  readonly layers?: number
  readonly hidden?: number
  readonly feedForward?: number
  readonly vocabulary?: number
  readonly heads?: number
  readonly kvHeads?: number
  readonly headSize?: number
  readonly ropeDimensions?: number
  readonly ropeTheta?: number
  readonly rmsEpsilon?: number
  readonly contextLength?: number
  readonly originalContext?: number
  /** `'none'` is said with `sliding_window=none`. */
  readonly slidingWindow?: number | 'none'
  readonly tiedEmbeddings?: boolean
}

type Kind = 'count' | 'positive' | 'countOrNone' | 'boolean'

/** Every key that `--override` takes. Sizes that tensors show may be given too: they are checked against them. */
export const overrideKeys = {
  layers: { field: 'layers', kind: 'count' },
  hidden: { field: 'hidden', kind: 'count' },
  feed_forward: { field: 'feedForward', kind: 'count' },
  vocabulary: { field: 'vocabulary', kind: 'count' },
  heads: { field: 'heads', kind: 'count' },
  kv_heads: { field: 'kvHeads', kind: 'count' },
  head_size: { field: 'headSize', kind: 'count' },
  rope_dimensions: { field: 'ropeDimensions', kind: 'count' },
  rope_theta: { field: 'ropeTheta', kind: 'positive' },
  rms_norm_eps: { field: 'rmsEpsilon', kind: 'positive' },
  context_length: { field: 'contextLength', kind: 'count' },
  original_context_length: { field: 'originalContext', kind: 'count' },
  sliding_window: { field: 'slidingWindow', kind: 'countOrNone' },
  tie_word_embeddings: { field: 'tiedEmbeddings', kind: 'boolean' },
} as const satisfies Record<string, { field: keyof Overrides; kind: Kind }>

export type OverrideKey = keyof typeof overrideKeys

const expected: Record<Kind, string> = {
  count: 'a whole number from 1 to 4294967295',
  positive: 'a number above 0',
  countOrNone: 'a whole number from 1 to 4294967295, or none',
  boolean: 'true or false',
}

/** @throws MiberaError USAGE for a key that is not known, or a value that is not of its kind. */
export function parseOverrides(given: ReadonlyMap<string, string>): Overrides {
  return Object.fromEntries(
    Array.from(given, ([key, text]) => {
      if (!isOverrideKey(key)) throw unknownKey(key)
      const { field, kind } = overrideKeys[key]
      const value = parseValue(text.trim(), kind)
      if (value !== undefined) return [field, value]
      throw new MiberaError('USAGE', `--override ${key}=${quote(text)} is not ${expected[kind]}`, { subject: key })
    }),
  )
}

function isOverrideKey(key: string): key is OverrideKey {
  return Object.hasOwn(overrideKeys, key)
}

/** GGUF stores counts in 32 bits. */
function parseValue(text: string, kind: Kind): number | boolean | 'none' | undefined {
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  if (kind === 'countOrNone' && text === 'none') return 'none'
  const pattern = kind === 'positive' ? /^\d+(\.\d*)?(e[+-]?\d+)?$|^\.\d+(e[+-]?\d+)?$/i : /^\d+$/
  const value = pattern.test(text) ? Number(text) : 0
  const limit = kind === 'positive' ? 3.4e38 : 2 ** 32 - 1
  return value > 0 && value <= limit ? value : undefined
}

function unknownKey(key: string): MiberaError {
  const keys = Object.keys(overrideKeys)
  const near = nearestName(key, keys)
  return new MiberaError('USAGE', `--override knows no key ${quote(key)}`, {
    subject: key,
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}The keys are ${keys.join(', ')}.`,
  })
}
