import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readTokenizer } from '#dist/model/tokenizer/read-tokenizer.js'
import type { Tokenizer } from '#dist/model/tokenizer/tokenizer.js'
import { type Cl100kOptions, writeCl100kTokenizer } from '../../fixtures/cl100k-tokenizer.ts'
import { temporaryFolder } from './temporary-folder.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests reach into foreign JSON to damage it
export type AnyJson = any

/** A folder with the tokenizer of Phi-4 cut down to 300 tokens and its 96 added ones, ids 300 to 395. */
export async function smallTokenizerFolder(options: Cl100kOptions = {}): Promise<string> {
  const folder = await temporaryFolder()
  await writeCl100kTokenizer(folder, { tokens: 300, ...options })
  return folder
}

/** Reads a JSON file, lets `change` alter or replace its contents, and writes it back. */
export async function changeJson(folder: string, name: string, change: (json: AnyJson) => unknown): Promise<void> {
  const path = join(folder, name)
  const json = JSON.parse(await readFile(path, 'utf8'))
  await writeFile(path, JSON.stringify(change(json) ?? json))
}

/** The small tokenizer after `change` to its tokenizer.json, and to its tokenizer_config.json if there is another. */
export async function changedTokenizer(
  change: (json: AnyJson) => unknown,
  configChange?: (json: AnyJson) => unknown,
): Promise<Tokenizer> {
  const folder = await smallTokenizerFolder()
  await changeJson(folder, 'tokenizer.json', change)
  if (configChange !== undefined) await changeJson(folder, 'tokenizer_config.json', configChange)
  return readTokenizer(folder)
}
