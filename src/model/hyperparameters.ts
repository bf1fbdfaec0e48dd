import { MiberaError } from '../base/errors.ts'
import { type Heads, weighHeads } from './attention-heads.ts'
import type { ConfigClaims } from './config-claims.ts'
import { weighConstants } from './constants.ts'
import type { Fact, Hyperparameters } from './description.ts'
import type { AttentionWidths, Family } from './families/family.ts'
import type { Measurements } from './measure.ts'
import { requireWidth } from './measured-width.ts'
import type { OverrideKey, Overrides } from './overrides.ts'
import { unknownHyperparameters } from './questions.ts'
import type { Recognition } from './recognise.ts'
import { weighTiedEmbeddings } from './tied-embeddings.ts'
import { isTrustworthy } from './trusted-config.ts'

export interface Weighed {
  readonly hyperparameters: Hyperparameters
  readonly originalContext: number
  /** Whether config.json is right in every size that can be checked. */
  readonly trusted: boolean
}

export interface Witnesses {
  readonly family: Family
  readonly measurements: Measurements
  readonly widths: AttentionWidths
  readonly recognition: Recognition
  readonly claims: ConfigClaims
  readonly overrides: Overrides
}

/**
 * Settles every hyperparameter, each with its origin.
 * @throws MiberaError HYPERPARAMETER_UNKNOWN naming all options that have to be given, USAGE if an override contradicts
 * the tensors, TENSOR_MISSING if the output projection should be there.
 */
export function weighHyperparameters(witnesses: Witnesses): Weighed {
  const { family, measurements, widths, recognition, claims, overrides } = witnesses
  const sizes = measuredSizes(measurements, widths, overrides)
  const tiedEmbeddings = weighTiedEmbeddings(
    measurements.hasOutput,
    family.layout.output,
    overrides,
    recognition,
    claims,
  )
  const isTrusted = (divided: Heads) => isTrustworthy(claims, values(sizes, divided))
  const heads = weighHeads(widths, sizes.hidden.value, overrides, recognition, claims, isTrusted)
  const trusted = heads !== undefined && isTrusted(heads)
  const constants = weighConstants(recognition, claims, overrides, trusted)
  if (
    heads === undefined ||
    tiedEmbeddings === undefined ||
    constants.ropeTheta === undefined ||
    constants.rmsEpsilon === undefined ||
    constants.contextLength === undefined
  ) {
    throw unknownHyperparameters(widths, {
      head_size: heads,
      rope_theta: constants.ropeTheta,
      rms_norm_eps: constants.rmsEpsilon,
      context_length: constants.contextLength,
      tie_word_embeddings: tiedEmbeddings,
    })
  }
  const { ropeTheta, rmsEpsilon, contextLength, slidingWindow, originalContext } = constants
  const ropeDimensions = weighRopeDimensions(witnesses, sizes.hidden.value, heads, constants.partialRotary)
  return {
    hyperparameters: {
      ...sizes,
      ...heads,
      ropeDimensions,
      ropeTheta,
      rmsEpsilon,
      contextLength,
      slidingWindow,
      tiedEmbeddings,
    },
    originalContext: originalContext?.value ?? contextLength.value,
    trusted,
  }
}

type Sizes = Pick<Hyperparameters, 'layers' | 'hidden' | 'feedForward' | 'vocabulary'>

function measuredSizes(measurements: Measurements, { feedForward }: AttentionWidths, overrides: Overrides): Sizes {
  const { layers } = measurements
  const vocabulary = requireWidth(measurements, 'vocabulary')
  const hidden = requireWidth(measurements, 'hidden')
  const fact = (value: number, because: string): Fact<number> => ({ value, origin: 'tensors', because })
  const sizes = {
    layers: fact(layers, `the tensors have layers 0 to ${layers - 1}`),
    hidden: fact(hidden.value, `${hidden.value} ${hidden.axis} of ${hidden.tensor}`),
    feedForward: fact(feedForward.value, feedForward.because),
    vocabulary: fact(vocabulary.value, `${vocabulary.value} ${vocabulary.axis} of ${vocabulary.tensor}`),
  }
  confirm('layers', overrides.layers, sizes.layers)
  confirm('hidden', overrides.hidden, sizes.hidden)
  confirm('feed_forward', overrides.feedForward, sizes.feedForward)
  confirm('vocabulary', overrides.vocabulary, sizes.vocabulary)
  return sizes
}

/** A size that the tensors show cannot be overridden, only confirmed. */
function confirm(key: OverrideKey, given: number | undefined, fact: Fact<number>): void {
  if (given === undefined || given === fact.value) return
  throw new MiberaError('USAGE', `--override ${key}=${given} contradicts the tensors: ${fact.because}`, {
    subject: key,
    hint: `Leave it out: ${key} is ${fact.value}.`,
  })
}

function values(sizes: Sizes, { heads, kvHeads, headSize }: Heads) {
  return {
    layers: sizes.layers.value,
    hidden: sizes.hidden.value,
    feedForward: sizes.feedForward.value,
    vocabulary: sizes.vocabulary.value,
    heads: heads.value,
    kvHeads: kvHeads.value,
    headSize: headSize.value,
  }
}

function weighRopeDimensions(
  { family, overrides }: Witnesses,
  hidden: number,
  { heads, headSize }: Heads,
  partial: Fact<number> | undefined,
): Fact<number> {
  const given = overrides.ropeDimensions
  if (given !== undefined && (given > headSize.value || given % 2 !== 0)) {
    throw new MiberaError(
      'USAGE',
      `--override rope_dimensions=${given} is odd, or more than the head size of ${headSize.value}`,
      {
        subject: 'rope_dimensions',
      },
    )
  }
  if (given !== undefined) return { value: given, origin: 'override', because: `--override rope_dimensions=${given}` }
  const fraction = Math.min(partial?.value ?? 1, 1)
  const value = family.ropeDimensions(hidden, heads.value, headSize.value, fraction)
  if (partial === undefined || fraction === 1)
    return { ...headSize, value, because: `the whole head; ${headSize.because}` }
  return { value, origin: partial.origin, because: `${fraction} of the head; ${partial.because}` }
}
