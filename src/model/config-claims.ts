import { quote } from '../base/quote.ts'
import type { JsonObject, JsonValue } from './json-file.ts'
import { ropeParameters } from './rope-scaling.ts'

/** One statement of config.json about the model. */
export interface Claim {
  /** E.g. "config.json num_hidden_layers". */
  readonly where: string
  readonly stated: JsonValue
  /** The number stated, if it is one; booleans as they are. */
  readonly number: number | undefined
}

/** The statements that are weighed against the evidence. `undefined` where config.json says nothing (or null). */
export interface ConfigClaims {
  readonly layers: Claim | undefined
  readonly hidden: Claim | undefined
  readonly feedForward: Claim | undefined
  readonly vocabulary: Claim | undefined
  readonly heads: Claim | undefined
  readonly kvHeads: Claim | undefined
  readonly headSize: Claim | undefined
  readonly partialRotary: Claim | undefined
  readonly ropeTheta: Claim | undefined
  readonly rmsEpsilon: Claim | undefined
  readonly contextLength: Claim | undefined
  readonly originalContext: Claim | undefined
  readonly slidingWindow: Claim | undefined
  readonly tiedEmbeddings: Claim | undefined
}

/** The fields' names are those of Hugging Face transformers, versions 4 and 5. */
export function configClaims(config: JsonObject): ConfigClaims {
  const rope = ropeParameters(config)
  const top = (field: string) => claim(config, field, field)
  const inRope = (field: string) =>
    claim(rope, field, `${'rope_parameters' in config ? 'rope_parameters' : 'rope_scaling'}.${field}`)
  return {
    layers: top('num_hidden_layers'),
    hidden: top('hidden_size'),
    feedForward: top('intermediate_size'),
    vocabulary: top('vocab_size'),
    heads: top('num_attention_heads'),
    kvHeads: top('num_key_value_heads'),
    headSize: top('head_dim'),
    partialRotary: top('partial_rotary_factor') ?? inRope('partial_rotary_factor'),
    ropeTheta: top('rope_theta') ?? inRope('rope_theta'),
    rmsEpsilon: top('rms_norm_eps'),
    contextLength: top('max_position_embeddings'),
    originalContext: inRope('original_max_position_embeddings') ?? top('original_max_position_embeddings'),
    slidingWindow: config.use_sliding_window === false ? undefined : top('sliding_window'),
    tiedEmbeddings: top('tie_word_embeddings'),
  }
}

function claim(object: JsonObject, field: string, shown: string): Claim | undefined {
  const stated = object[field]
  if (stated === undefined || stated === null) return undefined
  return { where: `config.json ${shown}`, stated, number: typeof stated === 'number' ? stated : undefined }
}

/** A stated value for a person: as it is where that is short and printable, otherwise escaped and clipped. */
export function statedText(stated: JsonValue): string {
  const text = typeof stated === 'string' ? stated : JSON.stringify(stated)
  return /^[ -~]{0,120}$/.test(text) ? text : quote(text)
}
