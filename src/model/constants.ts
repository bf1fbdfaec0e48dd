import type { Claim, ConfigClaims } from './config-claims.ts'
import type { Fact } from './description.ts'
import type { KnownConstants } from './known-models.ts'
import type { Overrides } from './overrides.ts'
import { agreed, namesOf, type Recognition } from './recognise.ts'
import { count, positive, type Testimony, weigh } from './weigh.ts'

/** The constants that tensors do not show; `undefined` where nobody says. */
export interface Constants {
  readonly ropeTheta: Fact<number> | undefined
  readonly rmsEpsilon: Fact<number> | undefined
  readonly contextLength: Fact<number> | undefined
  readonly originalContext: Fact<number> | undefined
  readonly partialRotary: Fact<number> | undefined
  readonly slidingWindow: Fact<number | undefined>
}

/** @param trusted whether config.json is right in every size that can be checked */
export function weighConstants(
  recognition: Recognition,
  claims: ConfigClaims,
  overrides: Overrides,
  trusted: boolean,
): Constants {
  const weighConstant = <K extends keyof KnownConstants>(
    overrideKey: string,
    constant: K,
    override: KnownConstants[K] | undefined,
    claim: Claim | undefined,
    read: Testimony<KnownConstants[K]>['read'],
  ) => {
    const value = agreed(recognition, constant)
    const because = `known of ${namesOf(recognition.candidates)}`
    const known = value === undefined ? undefined : { value: value.value, because }
    return weigh({ overrideKey, override, known, claim, read, trusted })
  }
  const { contextLength } = claims
  return {
    ropeTheta: weighConstant('rope_theta', 'ropeTheta', overrides.ropeTheta, claims.ropeTheta, positive),
    rmsEpsilon: weighConstant('rms_norm_eps', 'rmsEpsilon', overrides.rmsEpsilon, claims.rmsEpsilon, positive),
    contextLength: weighConstant('context_length', 'contextLength', overrides.contextLength, contextLength, count),
    originalContext: weighConstant(
      'original_context_length',
      'originalContext',
      overrides.originalContext,
      claims.originalContext,
      count,
    ),
    partialRotary: weighConstant('rope_dimensions', 'partialRotary', undefined, claims.partialRotary, positive),
    slidingWindow: weighSlidingWindow(recognition, claims, overrides, trusted),
  }
}

/** That a config.json names no window is its way of saying there is none. */
function weighSlidingWindow(
  recognition: Recognition,
  claims: ConfigClaims,
  overrides: Overrides,
  trusted: boolean,
): Fact<number | undefined> {
  if (overrides.slidingWindow === 'none') {
    return { value: undefined, origin: 'override', because: '--override sliding_window=none' }
  }
  const value = agreed(recognition, 'slidingWindow')
  const because = `known of ${namesOf(recognition.candidates)}`
  const fact = weigh<number | undefined>({
    overrideKey: 'sliding_window',
    override: overrides.slidingWindow,
    known: value === undefined ? undefined : { value: value.value, because },
    claim: claims.slidingWindow,
    read: count,
    trusted,
  })
  return fact ?? { value: undefined, origin: 'config', because: 'config.json names none' }
}
