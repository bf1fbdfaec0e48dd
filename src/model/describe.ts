import type { GgufMetadata } from '../formats/gguf/values.ts'
import { string } from '../formats/gguf/values.ts'
import type { ModelFolder } from '../formats/safetensors/model-folder.ts'
import type { TensorEntry } from '../formats/safetensors/tensor-entry.ts'
import { requireWeightDtype } from '../formats/safetensors/weight-dtype.ts'
import { chooseFamily, requireArchitecture } from './choose-family.ts'
import { type ConfigClaims, configClaims } from './config-claims.ts'
import { configContradictions } from './contradictions.ts'
import type { Dimensions, FolderDescription, Hyperparameters, TensorMapping } from './description.ts'
import { type Evidence, readEvidence } from './evidence.ts'
import type { AttentionWidths, Family, UnderstoodModel } from './families/family.ts'
import { weighHyperparameters } from './hyperparameters.ts'
import { indexLayers } from './layer-index.ts'
import { type Measurements, measure } from './measure.ts'
import { requireWidth } from './measured-width.ts'
import { generalKeys } from './metadata/general.ts'
import { type Overrides, parseOverrides } from './overrides.ts'
import { namesOf, type Recognition, recognise } from './recognise.ts'
import { settleRopeScaling } from './settle-rope-scaling.ts'
import { mapTensors } from './tensor-mappings.ts'
import { tokenizerMetadata } from './tokenizer/metadata.ts'
import { readTokenizer } from './tokenizer/read-tokenizer.ts'
import { hasToken, type Tokenizer } from './tokenizer/tokenizer.ts'

export interface DescribeOptions {
  /** Name of a family, for tensors that several families share. */
  readonly family?: string
  /** Values by `--override` key. */
  readonly overrides: ReadonlyMap<string, string>
  /** llama.cpp's name of the pre-tokenizer, where it cannot be told. */
  readonly pre?: string
}

/**
 * Says what a model really is. Names and shapes of its tensors decide; then what the tokenizer, the names it claims
 * and the models known by their shape add; config.json is believed where nothing contradicts it. Reads the small
 * files beside the shards, and of the shards nothing.
 *
 * @throws MiberaError MODEL_UNSUPPORTED, TENSOR_MISSING, TENSOR_SHAPE, TENSOR_UNEXPECTED, DTYPE_UNSUPPORTED,
 * HYPERPARAMETER_UNKNOWN, CONFIG_MALFORMED, USAGE, or what the tokenizer's reader throws.
 */
export async function describeModel(folder: ModelFolder, options: DescribeOptions): Promise<FolderDescription> {
  const overrides = parseOverrides(options.overrides)
  const evidence = await readEvidence(folder)
  const index = indexLayers(folder)
  const family = chooseFamily(index, evidence.config, options.family)
  const measurements = measure(index, family.layout)
  requireWeights(folder, measurements.entries)
  const tokenizer = await readTokenizer(folder.path)

  const claims = configClaims(evidence.config)
  const widths = family.widths(measurements)
  const recognition = recogniseIn(family, measurements, widths, evidence, tokenizer, claims, overrides)
  if (recognition.candidates.length === 0 && options.family === undefined) {
    requireArchitecture(family, evidence.config)
  }
  const weighed = weighHyperparameters({ family, measurements, widths, recognition, claims, overrides })
  const ropeScaling = settleRopeScaling(recognition, evidence.config, weighed.trusted)
  const model: UnderstoodModel = { ...weighed, ropeScaling }
  family.check(model)

  const tensors = mapTensors(family, measurements, model)
  const parameters = countElements(tensors)
  const contradictions = [
    ...configContradictions(evidence.config, claims, family, weighed.hyperparameters, measurements.entries),
    ...recognition.contradictions,
  ]
  return {
    from: 'safetensors',
    family: family.name,
    knownAs: knownAs(recognition),
    recognisedBy: recognition.candidates.length === 0 ? undefined : recognition.because,
    architecture: family.architecture,
    parameters: countElements(tensors.filter(({ source }) => source.kind === 'tensors')),
    hyperparameters: weighed.hyperparameters,
    dimensions: dimensions(weighed.hyperparameters),
    contradictions,
    tensors,
    metadata: metadata(folder, evidence, family, model, parameters, tokenizer, options.pre),
  }
}

function requireWeights(folder: ModelFolder, entries: readonly TensorEntry[]): void {
  for (const entry of entries) requireWeightDtype(entry, folder.shards[entry.shard]?.name ?? folder.path)
}

function recogniseIn(
  family: Family,
  measurements: Measurements,
  widths: AttentionWidths,
  { names }: Evidence,
  tokenizer: Tokenizer,
  claims: ConfigClaims,
  overrides: Overrides,
): Recognition {
  const sighting = {
    family: family.name,
    layers: measurements.layers,
    hidden: requireWidth(measurements, 'hidden').value,
    vocabulary: requireWidth(measurements, 'vocabulary').value,
    feedForward: widths.feedForward.value,
    query: widths.query.value,
    keyValue: widths.keyValue.value,
    names,
    hasToken: (text: string) => hasToken(tokenizer, text),
  }
  return recognise(sighting, claims, overrides)
}

/** Another size of a known kind is not that model. */
function knownAs({ candidates, exact }: Recognition): string | undefined {
  if (candidates.length === 0) return undefined
  return exact ? namesOf(candidates) : `${namesOf(candidates)} of another size`
}

function dimensions(facts: Hyperparameters): Dimensions {
  const { layers, heads, kvHeads, headSize, hidden, feedForward, vocabulary } = facts
  return {
    ...{ layers: layers.value, heads: heads.value, kvHeads: kvHeads.value, headSize: headSize.value },
    ...{ hidden: hidden.value, feedForward: feedForward.value, vocabulary: vocabulary.value, experts: 0 },
  }
}

function countElements(tensors: readonly TensorMapping[]): number {
  return tensors.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
}

function metadata(
  folder: ModelFolder,
  { card, config, generation }: Evidence,
  family: Family,
  model: UnderstoodModel,
  parameters: number,
  tokenizer: Tokenizer,
  pre: string | undefined,
): GgufMetadata {
  const embeddingRows = model.hyperparameters.vocabulary.value
  return new Map([
    ['general.architecture', string(family.architecture)] as const,
    ...generalKeys({ folderPath: folder.path, card, config, generation, parameters }),
    ...family.metadata(model),
    ...tokenizerMetadata(tokenizer, { embeddingRows, ...(pre !== undefined && { pre }) }),
  ])
}
