import { MiberaError } from '../base/errors.ts'
import type { AttentionWidths } from './families/family.ts'
import type { OverrideKey } from './overrides.ts'

const examples: Readonly<Partial<Record<OverrideKey, string>>> = {
  head_size: '128',
  rope_theta: '10000',
  rms_norm_eps: '1e-5',
  context_length: '4096',
  tie_word_embeddings: 'true',
}

/** One question for everything that is not known, naming the options that answer it. */
export function unknownHyperparameters(
  { query, keyValue }: AttentionWidths,
  facts: Readonly<Partial<Record<OverrideKey, unknown>>>,
): MiberaError {
  const keys = Object.entries(facts)
    .filter(([, fact]) => fact === undefined)
    .map(([key]) => key as OverrideKey)
  const heads = keys.includes('head_size')
    ? `. The tensors show only products of the head size: ${query.because}; ${keyValue.because}`
    : ''
  return new MiberaError(
    'HYPERPARAMETER_UNKNOWN',
    `Neither the tensors, nor what is known of a model, nor a config.json that agrees with them say ${keys.join(', ')}${heads}`,
    {
      subject: keys[0] ?? '',
      hint: `Look it up in the config.json of the model it was made from, and say ${keys.map((key) => `--override ${key}=${examples[key] ?? ''}`).join(' ')} (with its own figures).`,
    },
  )
}
