import type { Claim } from './config-claims.ts'
import type { Fact } from './description.ts'

/** What is brought forward for one constant that tensors do not show, by source. */
export interface Testimony<T> {
  readonly overrideKey: string
  readonly override: T | undefined
  /** Known of the model recognised. */
  readonly known: { readonly value: T; readonly because: string } | undefined
  readonly claim: Claim | undefined
  /** Reads the claim; `undefined` if it is no possible value. */
  readonly read: (claim: Claim) => T | undefined
  /** Whether config.json is right in everything that can be checked. */
  readonly trusted: boolean
}

/**
 * The person first; then a config.json that is right wherever it can be checked; then what is known of the model
 * recognised; then any other config.json. `undefined` if nobody says anything.
 */
export function weigh<T>(testimony: Testimony<T>): Fact<T> | undefined {
  const { override, overrideKey, known, claim, trusted, read } = testimony
  if (override !== undefined) {
    return { value: override, origin: 'override', because: `--override ${overrideKey}=${override}` }
  }
  const stated = claim === undefined ? undefined : read(claim)
  const fromConfig = claim === undefined || stated === undefined ? undefined : configFact(claim, stated, trusted)
  if (fromConfig !== undefined && trusted && known !== undefined && known.value !== stated) return fromConfig
  if (known !== undefined) return { value: known.value, origin: 'family', because: known.because }
  return fromConfig
}

function configFact<T>(claim: Claim, value: T, trusted: boolean): Fact<T> {
  const because = trusted
    ? `${claim.where}, right in every size that can be checked`
    : `${claim.where}; nothing contradicts it`
  return { value, origin: 'config', because }
}

/** GGUF stores counts in 32 bits. */
export function count({ number }: Claim): number | undefined {
  return number !== undefined && Number.isInteger(number) && number > 0 && number < 2 ** 32 ? number : undefined
}

export function positive({ number }: Claim): number | undefined {
  return number !== undefined && number > 0 && number <= 3.4e38 ? number : undefined
}
