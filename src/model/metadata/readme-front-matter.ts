import { parse } from 'yaml'
import { isObject, type JsonObject, type JsonValue } from '../json-file.ts'

/** The fields at the head of a README, between two lines of `---`. */
export type ModelCard = JsonObject

/**
 * The front matter of a README.md as llama.cpp's converter understands it: YAML 1.1, tabs read as two spaces, and a
 * list item `no` meaning the language. What is no front matter, or no mapping, gives an empty card: a README is
 * written by hand, and nothing in it is needed for a conversion.
 */
export function modelCard(readme: string): ModelCard {
  const lines = readme.split(/\r\n|\n|\r/)
  if (lines[0] !== '---') return {}
  const end = lines.indexOf('---', 1)
  const yaml = lines.slice(1, end < 0 ? undefined : end).join('\n')
  try {
    const value: unknown = parse(yaml.replaceAll(/- no$/gm, '- "no"').replaceAll('\t', '  '), {
      version: '1.1',
      schema: 'yaml-1.1',
      logLevel: 'error',
      maxAliasCount: 100,
    })
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** A field as text: numbers, booleans and dates are written out; lists and mappings are no text. */
export function cardText(card: ModelCard, field: string): string | undefined {
  return text(card[field])
}

/** A field that may be one text or a list of them, as a list. */
export function cardTexts(card: ModelCard, field: string): readonly string[] {
  const value = card[field]
  const values = Array.isArray(value) ? value : [value]
  return values.map(text).filter((item) => item !== undefined)
}

function text(value: JsonValue | Date | undefined): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return value instanceof Date ? value.toISOString().slice(0, 10) : undefined
}
