import { basename as fileName, resolve } from 'node:path'
import { type GgufValue, string, strings } from '../../formats/gguf/values.ts'
import type { JsonObject } from '../json-file.ts'
import { idToTitle, type ModelId, parseModelId } from './model-id.ts'
import { cardText, cardTexts, type ModelCard } from './readme-front-matter.ts'
import { referenceKeys } from './references.ts'
import { samplingKeys } from './sampling.ts'
import { sizeLabel } from './size-label.ts'

export interface GeneralSources {
  readonly folderPath: string
  readonly card: ModelCard
  readonly config: JsonObject
  readonly generation: JsonObject
  /** Elements of all tensors of the output. */
  readonly parameters: number
}

type Entry = readonly [string, GgufValue]

/**
 * The `general.*` keys that describe where a model comes from, as llama.cpp's converter finds and orders them
 * (gguf-py/gguf/metadata.py): the model card first, then config.json `_name_or_path`, then the folder's name.
 */
export function generalKeys(sources: GeneralSources): readonly Entry[] {
  const { card, generation, parameters } = sources
  return [
    ['general.type', string('model')],
    ...samplingKeys(generation),
    ...texts(naming(sources)),
    ...texts(licence(card)),
    ...texts({
      'general.source.url': cardText(card, 'url') ?? cardText(card, 'model_url'),
      'general.source.doi': cardText(card, 'doi') ?? cardText(card, 'model_doi'),
      'general.source.uuid': cardText(card, 'uuid') ?? cardText(card, 'model_uuid'),
      'general.source.repo_url': cardText(card, 'repo_url') ?? cardText(card, 'model_repo_url'),
    }),
    ...references('general.base_model', ['base_model', 'base_models', 'base_model_sources'], card, parameters),
    ...references('general.dataset', ['datasets', 'dataset', 'dataset_sources'], card, parameters),
    ...lists('general.tags', [...cardTexts(card, 'tags'), ...cardTexts(card, 'pipeline_tag')]),
    ...lists('general.languages', [...cardTexts(card, 'languages'), ...cardTexts(card, 'language')]),
  ]
}

function naming({ folderPath, card, config, parameters }: GeneralSources): Record<string, string | undefined> {
  const folderName = folderId(folderPath)
  const ids = [hubName(config), folderName].filter((id) => id !== undefined).map((id) => parseModelId(id, parameters))
  const first = (field: keyof ModelId) => ids.map((id) => id[field]).find((value) => value !== undefined)
  const title = (value: string | undefined) => (value === undefined ? undefined : idToTitle(value))
  const carded = (...fields: readonly string[]) =>
    fields.map((field) => cardText(card, field)).find((value) => value !== undefined)
  return {
    'general.name': carded('name', 'model_name') ?? (title(first('name')) || folderName),
    'general.author': carded('author', 'model_author', 'model_creator'),
    'general.version': carded('version', 'model_version') ?? first('version'),
    'general.organization': carded('organization', 'model_organization') ?? title(first('organization')),
    'general.finetune': carded('finetune', 'model_finetune') ?? first('finetune'),
    'general.basename': carded('basename', 'model_basename', 'model_type') ?? first('basename'),
    'general.description': carded('description', 'model_description'),
    'general.size_label': carded('size_label', 'model_size_label') ?? first('sizeLabel') ?? sizeLabel(parameters),
  }
}

/** The folder's name; of a snapshot in the Hub's cache, whose own name is a hash, the repository's. */
function folderId(folderPath: string): string {
  const path = resolve(folderPath)
  const [, organization, name] = /[/\\]models--([^/\\]+?)--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(path) ?? []
  return name === undefined ? fileName(path) : `${organization}/${name}`
}

/** `_name_or_path` if it is the name of a model and not a path of the computer it was saved on. */
function hubName(config: JsonObject): string | undefined {
  const name = config._name_or_path
  return typeof name === 'string' && name.split('/').length <= 2 ? name : undefined
}

function licence(card: ModelCard): Record<string, string | undefined> {
  return {
    'general.license': cardTexts(card, 'license').join(','),
    'general.license.name': cardText(card, 'license_name'),
    'general.license.link': cardText(card, 'license_link'),
  }
}

function references(prefix: string, fields: readonly string[], card: ModelCard, parameters: number): readonly Entry[] {
  const value = fields.map((field) => card[field]).find((found) => found !== undefined && found !== null)
  return value === undefined || value === null ? [] : referenceKeys(prefix, value, parameters)
}

/** Empty texts are not written, as llama.cpp's writer does. */
function texts(values: Record<string, string | undefined>): readonly Entry[] {
  return Object.entries(values).flatMap(([key, value]) => (value ? [[key, string(value)] as const] : []))
}

function lists(key: string, values: readonly string[]): readonly Entry[] {
  return values.length === 0 ? [] : [[key, strings(values)]]
}
