import { MiberaError } from '../base/errors.ts'
import type { Claim, ConfigClaims } from './config-claims.ts'
import type { Fact } from './description.ts'
import type { AttentionWidths } from './families/family.ts'
import type { Overrides } from './overrides.ts'
import { namesOf, type Recognition } from './recognise.ts'

export interface Heads {
  readonly heads: Fact<number>
  readonly kvHeads: Fact<number>
  readonly headSize: Fact<number>
}

/**
 * How the widths of q and k divide into heads. The tensors show the products only, so the head size has to come from
 * the person, from the model recognised, or from a config.json that agrees with both widths; `undefined` otherwise.
 * A model that is only of a known kind may have other heads, if config.json is right in all else.
 * @throws MiberaError USAGE if an override contradicts the widths.
 */
export function weighHeads(
  widths: AttentionWidths,
  hidden: number,
  overrides: Overrides,
  recognition: Recognition,
  claims: ConfigClaims,
  isTrusted: (heads: Heads) => boolean,
): Heads | undefined {
  const overridden = overriddenHeadSize(widths, overrides)
  if (overridden !== undefined) return divideBy(overridden, widths)
  const known = knownHeadSize(recognition)
  const claimed = claimedHeadSize(widths, hidden, claims)
  const better = claimed !== undefined && !recognition.exact && isTrusted(divideBy(claimed, widths))
  const headSize = better ? claimed : (known ?? claimed)
  return headSize === undefined ? undefined : divideBy(headSize, widths)
}

function divideBy(headSize: Fact<number>, { query, keyValue }: AttentionWidths): Heads {
  const divided = (because: string): Omit<Fact<number>, 'value'> => ({
    origin: 'tensors',
    because: `${because}, divided into heads of ${headSize.value}`,
  })
  return {
    headSize,
    heads: { value: query.value / headSize.value, ...divided(query.because) },
    kvHeads: { value: keyValue.value / headSize.value, ...divided(keyValue.because) },
  }
}

function overriddenHeadSize({ query, keyValue }: AttentionWidths, overrides: Overrides): Fact<number> | undefined {
  const given: readonly (readonly [string, number | undefined, number | undefined])[] = [
    ['head_size', overrides.headSize, overrides.headSize],
    ['heads', overrides.heads, dividedBy(query.value, overrides.heads)],
    ['kv_heads', overrides.kvHeads, dividedBy(keyValue.value, overrides.kvHeads)],
  ]
  let first: Fact<number> | undefined
  for (const [key, value, headSize] of given) {
    if (value === undefined || headSize === undefined) continue
    const fits = divides(headSize, query.value) && divides(headSize, keyValue.value)
    if (!fits || headSize % 2 !== 0 || (first !== undefined && first.value !== headSize)) {
      throw contradicted(key, value, headSize, first, query.because, keyValue.because)
    }
    first ??= { value: headSize, origin: 'override', because: `--override ${key}=${value}` }
  }
  return first
}

function knownHeadSize(recognition: Recognition): Fact<number> | undefined {
  const sizes = new Set(recognition.candidates.map(({ shape }) => shape.headSize))
  const [value] = sizes
  if (value === undefined || sizes.size > 1) return undefined
  const because = `known of ${namesOf(recognition.candidates)}`
  return { value, origin: 'family', because }
}

/** Rotary embedding pairs dimensions, so a head has an even number of them. */
function claimedHeadSize(
  { query, keyValue }: AttentionWidths,
  hidden: number,
  claims: ConfigClaims,
): Fact<number> | undefined {
  const heads = claims.heads?.number
  const kvHeads = claims.kvHeads === undefined ? heads : claims.kvHeads.number
  if (heads === undefined || kvHeads === undefined) return undefined
  const value = claims.headSize === undefined ? hidden / heads : claims.headSize.number
  if (value === undefined || !Number.isInteger(value) || value <= 0 || value % 2 !== 0) return undefined
  if (heads * value !== query.value || kvHeads * value !== keyValue.value) return undefined
  const source: Claim | undefined = claims.headSize ?? claims.heads
  const because = `${source?.where} ${source?.stated}: ${heads} and ${kvHeads} heads of ${value} are the ${query.value} of q and ${keyValue.value} of k`
  return { value, origin: 'config', because }
}

function dividedBy(width: number, parts: number | undefined): number | undefined {
  return parts === undefined ? undefined : width / parts
}

function divides(size: number, width: number): boolean {
  return Number.isInteger(size) && size > 0 && width % size === 0
}

function contradicted(
  key: string,
  value: number,
  headSize: number,
  other: Fact<number> | undefined,
  query: string,
  keyValue: string,
): MiberaError {
  const unlikeOther = other !== undefined && other.value !== headSize
  const why = unlikeOther
    ? `it means heads of ${headSize}, but ${other.because} means heads of ${other.value}`
    : `it means heads of ${headSize}, and the tensors cannot be divided so: ${query}; ${keyValue}`
  return new MiberaError('USAGE', `--override ${key}=${value} contradicts the tensors: ${why}`, {
    subject: key,
    hint: 'A head has an even size that divides both widths. Correct the override or leave it out.',
  })
}
