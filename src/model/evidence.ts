import { join } from 'node:path'
import { MiberaError } from '../base/errors.ts'
import type { ModelFolder } from '../formats/safetensors/model-folder.ts'
import { type JsonObject, readJsonObject, readSmallText } from './json-file.ts'
import { cardTexts, type ModelCard, modelCard } from './metadata/readme-front-matter.ts'
import type { ClaimedName } from './recognise.ts'

/** What the small files beside the shards say. Missing files say nothing. */
export interface Evidence {
  readonly config: JsonObject
  readonly generation: JsonObject
  readonly card: ModelCard
  /** The models that the folder says it was made from. */
  readonly names: readonly ClaimedName[]
}

/** @throws MiberaError CONFIG_MALFORMED if config.json is not a JSON object. */
export async function readEvidence(folder: ModelFolder): Promise<Evidence> {
  const at = (name: string) => join(folder.path, name)
  const [config, generation, readme] = await Promise.all([
    readJsonObject(at('config.json')),
    readJsonObject(at('generation_config.json')).catch(ignoreMalformed),
    readSmallText(at('README.md')),
  ])
  const card = modelCard(readme ?? '')
  return { config: config ?? {}, generation: generation ?? {}, card, names: claimedNames(config ?? {}, card) }
}

/** Published models with a broken generation_config.json exist; nothing in it is needed for a conversion. */
function ignoreMalformed(error: unknown): undefined {
  if (!(error instanceof MiberaError && error.code === 'CONFIG_MALFORMED')) throw error
}

function claimedNames(config: JsonObject, card: ModelCard): readonly ClaimedName[] {
  const name = config._name_or_path
  const fromConfig = typeof name === 'string' && name !== '' ? [{ where: 'config.json _name_or_path', id: name }] : []
  const fromCard = cardTexts(card, 'base_model').map((id) => ({ where: 'README.md base_model', id }))
  return [...fromConfig, ...fromCard]
}
