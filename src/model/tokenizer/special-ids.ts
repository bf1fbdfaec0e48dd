import { join } from 'node:path'
import { isObject, type JsonObject, readJsonObject } from '../json-file.ts'
import { type AddedToken, type SpecialRole, specialRoles } from './tokenizer.ts'

/**
 * The id of each special token, in the order in which they are written: first those that the tokenizer's files name,
 * then those of which only config.json knows the id. A config.json may be that of another model, so that its id
 * counts only where this tokenizer has an added token.
 */
export async function readSpecialIds(
  folder: string,
  names: ReadonlyMap<SpecialRole, string>,
  added: ReadonlyMap<number, AddedToken>,
): Promise<Map<SpecialRole, number>> {
  const idByText = new Map(Array.from(added.values(), ({ id, text }) => [text, id]))
  const ids = new Map<SpecialRole, number>()
  for (const role of specialRoles) {
    const id = idByText.get(names.get(role) ?? '')
    if (id !== undefined) ids.set(role, id)
  }
  const config = (await readJsonObject(join(folder, 'config.json'))) ?? {}
  for (const role of specialRoles) {
    const id = configuredId(config, role)
    if (id !== undefined && added.has(id) && !ids.has(role)) ids.set(role, id)
  }
  return ids
}

function configuredId(config: JsonObject, role: SpecialRole): number | undefined {
  const key = `${role}_token_id`
  const nested = isObject(config.text_config) ? config.text_config[key] : undefined
  const id = config[key] ?? nested
  return typeof id === 'number' ? id : undefined
}
