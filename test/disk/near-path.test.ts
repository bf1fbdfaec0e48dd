import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLocalFile } from '#dist/disk/local-file.js'
import { openModelFolder } from '#dist/formats/safetensors/open-folder.js'
import { refusal } from '../helpers/refusal.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

test('of a path that leads nowhere the nearest that is there is named, of a split its first file', async () => {
  const folder = await temporaryFolder()
  const at = (name: string) => join(folder, name)
  for (const name of ['imatrix.gguf', 'm-00002-of-00003.gguf', 'm-00001-of-00003.gguf']) await writeFile(at(name), '')
  await mkdir(at('phi-4'))
  const hintOf = async (opening: Promise<unknown>) => (await refusal(opening)).hint ?? ''
  expect(await hintOf(openLocalFile(at('imatrx.gguf')))).toContain(`Did you mean ${at('imatrix.gguf')}?`)
  expect(await hintOf(openLocalFile(at('m.gguf')))).toContain(`Did you mean ${at('m-00001-of-00003.gguf')}?`)
  expect(await hintOf(openModelFolder(at('ph4')))).toContain(`Did you mean ${at('phi-4')}?`)
  expect(await hintOf(openLocalFile(at('something.else')))).not.toContain('Did you mean')
  expect(await hintOf(openLocalFile(join(folder, 'no', 'such', 'folder')))).not.toContain('Did you mean')
})
