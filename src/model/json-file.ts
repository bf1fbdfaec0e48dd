import { MiberaError } from '../base/errors.ts'
import { readSmallFile } from '../disk/read-small-file.ts'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

/** Configuration and model cards are some kilobytes; anything beyond this is not one. */
const maximumBytes = 16 * 1024 * 1024

/**
 * A small text file, without a byte-order mark; `undefined` if there is none.
 * @throws MiberaError CONFIG_MALFORMED beyond 16 MiB, IO if it cannot be read.
 */
export async function readSmallText(path: string): Promise<string | undefined> {
  const bytes = await readSmallFile(path, maximumBytes, (size) => {
    const message = `${path} has ${size} bytes, more than the ${maximumBytes} allowed`
    return new MiberaError('CONFIG_MALFORMED', message, { subject: path })
  })
  // Without a byte-order mark.
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}

/**
 * The object in a JSON file; `undefined` if there is no such file.
 * @throws MiberaError CONFIG_MALFORMED if it holds anything else than one JSON object.
 */
export async function readJsonObject(path: string): Promise<JsonObject | undefined> {
  const text = await readSmallText(path)
  if (text === undefined) return undefined
  const value = parse(path, text)
  if (isObject(value)) return value
  throw malformed(path, 'does not hold a JSON object')
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parse(path: string, text: string): JsonValue {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw malformed(path, 'is not JSON', error)
  }
}

function malformed(path: string, what: string, cause?: unknown): MiberaError {
  return new MiberaError('CONFIG_MALFORMED', `${path} ${what}`, {
    subject: path,
    hint: 'Download the file again.',
    cause,
  })
}
