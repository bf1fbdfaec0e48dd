import type { TensorEntry } from '../formats/safetensors/tensor-entry.ts'
import { type Claim, type ConfigClaims, statedText } from './config-claims.ts'
import type { Contradiction, Fact, Hyperparameters } from './description.ts'
import type { Family } from './families/family.ts'
import type { JsonObject, JsonValue } from './json-file.ts'

/** Everything that config.json states otherwise than the evidence has it. */
export function configContradictions(
  config: JsonObject,
  claims: ConfigClaims,
  family: Family,
  hyperparameters: Hyperparameters,
  entries: readonly TensorEntry[],
): readonly Contradiction[] {
  const h = hyperparameters
  return [
    ...architecture(config, family),
    ...against(claims.layers, h.layers),
    ...against(claims.hidden, h.hidden),
    ...against(claims.feedForward, h.feedForward),
    ...against(claims.vocabulary, h.vocabulary),
    ...against(claims.heads, h.heads),
    ...against(claims.kvHeads, h.kvHeads),
    ...against(claims.headSize, h.headSize),
    ...against(claims.ropeTheta, h.ropeTheta),
    ...against(claims.rmsEpsilon, h.rmsEpsilon),
    ...against(claims.contextLength, h.contextLength),
    ...against(claims.slidingWindow, h.slidingWindow),
    ...against(claims.tiedEmbeddings, h.tiedEmbeddings),
    ...dataType(config, entries),
  ]
}

function against(claim: Claim | undefined, fact: Fact<number | boolean | undefined>): readonly Contradiction[] {
  if (claim === undefined || claim.stated === fact.value) return []
  return [
    {
      where: claim.where,
      claimed: statedText(claim.stated),
      actual: fact.value === undefined ? 'none' : String(fact.value),
      because: fact.because,
    },
  ]
}

function architecture(config: JsonObject, family: Family): readonly Contradiction[] {
  const because = `the tensors ${family.recognisedBy.join(' and ')}`
  const stated = Array.isArray(config.architectures) ? config.architectures : []
  const differs = (values: readonly JsonValue[], right: readonly string[]) =>
    values.length > 0 && !values.some((value) => right.includes(String(value)))
  const modelType = config.model_type ?? undefined
  return [
    ...(differs(stated, family.hubArchitectures)
      ? [
          {
            where: 'config.json architectures',
            claimed: statedText(stated.join(', ')),
            actual: family.hubArchitectures[0],
            because,
          },
        ]
      : []),
    ...(modelType !== undefined && differs([modelType], family.hubModelTypes)
      ? [{ where: 'config.json model_type', claimed: statedText(modelType), actual: family.hubModelTypes[0], because }]
      : []),
  ]
}

const torchNames: Readonly<Record<string, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }

/** Matrices decide: norms are often kept in a wider type. */
function dataType(config: JsonObject, entries: readonly TensorEntry[]): readonly Contradiction[] {
  const field = config.torch_dtype === undefined || config.torch_dtype === null ? 'dtype' : 'torch_dtype'
  const stated = config[field]
  if (typeof stated !== 'string') return []
  const matrices = entries.filter(({ shape }) => shape.length === 2)
  const found = [...new Set(matrices.map(({ dtype }) => dtype))].toSorted()
  const names = found.map((dtype) => torchNames[dtype] ?? dtype)
  if (names.includes(stated.replace(/^torch\./, ''))) return []
  const because =
    found.length === 1
      ? `the shards hold all ${matrices.length} matrices as ${found[0]}`
      : `the shards hold ${found.map((dtype) => `${matrices.filter((entry) => entry.dtype === dtype).length} matrices as ${dtype}`).join(' and ')}`
  return [{ where: `config.json ${field}`, claimed: statedText(stated), actual: names.join(' and '), because }]
}
