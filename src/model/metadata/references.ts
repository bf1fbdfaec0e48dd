import { type GgufValue, string, u32 } from '../../formats/gguf/values.ts'
import { isObject, type JsonValue } from '../json-file.ts'
import { idToTitle, parseModelId } from './model-id.ts'

type Entry = readonly [string, GgufValue]

/** What may be said of a base model or data set, in the order in which it is written. */
const referenceFields = [
  'name',
  'author',
  'version',
  'organization',
  'description',
  'url',
  'doi',
  'uuid',
  'repo_url',
] as const

/**
 * The keys `PREFIX.count` and `PREFIX.N.*` for the base models or data sets that a card lists: Hub names, addresses,
 * or mappings that already have the fields.
 */
export function referenceKeys(prefix: string, value: JsonValue, parameters: number): readonly Entry[] {
  const items = Array.isArray(value) ? value : typeof value === 'string' ? [value] : []
  const entries: Entry[] = [[`${prefix}.count`, u32(items.length)]]
  for (const [index, item] of items.entries()) {
    const fields = reference(item, parameters)
    for (const field of referenceFields) {
      const text = fields[field]
      if (text) entries.push([`${prefix}.${index}.${field}`, string(text)])
    }
  }
  return entries
}

type Reference = { readonly [Field in (typeof referenceFields)[number]]?: string }

function reference(item: JsonValue, parameters: number): Reference {
  if (isObject(item)) {
    return Object.fromEntries(
      Object.entries(item).filter((field): field is [string, string] => typeof field[1] === 'string'),
    )
  }
  if (typeof item !== 'string') return {}
  if (!/^(https?|ssh):\/\//.test(item)) return named(item, parameters)
  const onHub = /^https?:\/\/huggingface\.co\/([^/]+\/[^/]+)$/.exec(item)?.[1]
  return { ...(onHub !== undefined && named(onHub, parameters)), repo_url: item }
}

function named(id: string, parameters: number): Reference {
  const { name, organization, version } = parseModelId(id, parameters)
  return {
    name: idToTitle(name),
    ...(version !== undefined && { version }),
    ...(organization !== undefined && {
      organization: idToTitle(organization),
      repo_url: `https://huggingface.co/${organization}/${name}`,
    }),
  }
}
