import { join } from 'node:path'
import type * as z from 'zod'
import { MiberaError } from '../../base/errors.ts'
import { readSmallFile } from '../../disk/read-small-file.ts'

/** The largest tokenizers known (a quarter of a million tokens) have files of 35 MB. */
const maximumBytes = 256 * 1024 * 1024

/**
 * A tokenizer file as text; `undefined` if there is none.
 * @throws MiberaError TOKENIZER_MALFORMED if it is too large or not UTF-8, IO if it cannot be read.
 */
export async function readTokenizerText(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name)
  const bytes = await readSmallFile(path, maximumBytes, (size) =>
    malformed(path, `has ${size} bytes, more than the ${maximumBytes} allowed`),
  )
  return bytes === undefined ? undefined : decode(path, bytes)
}

/** The contents of a JSON file that has the schema's shape; `undefined` if there is no such file. */
export async function readTokenizerJson<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readTokenizerText(folder, name)
  if (text === undefined) return undefined
  const path = join(folder, name)
  const checked = schema.safeParse(parse(path, text))
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  throw malformed(path, `is not a tokenizer file: ${issue?.path.join('.') || 'its contents'}: ${issue?.message}`)
}

export function malformed(path: string, what: string, cause?: unknown): MiberaError {
  return new MiberaError('TOKENIZER_MALFORMED', `${path} ${what}`, {
    subject: path,
    hint: 'Download the file again, or copy the tokenizer files of the base model into the folder.',
    cause,
  })
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw malformed(path, 'is not UTF-8', error)
  }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw malformed(path, `is not JSON (${text.length} characters)`, error)
  }
}
