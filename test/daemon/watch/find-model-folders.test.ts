import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { findModelFolders } from '#dist/daemon/watch/find-model-folders.js'
import { refusal } from '../../helpers/refusal.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

async function rootWith(...files: string[]): Promise<string> {
  const root = await temporaryFolder()
  for (const file of files) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), '')
  }
  return root
}

async function found(root: string): Promise<string[]> {
  return (await findModelFolders(root)).map((path) => relative(root, path).replaceAll('\\', '/')).toSorted()
}

test('finds models at any depth by what they hold or are about to hold', async () => {
  const root = await rootWith(
    'someone/indexed/model.safetensors.index.json',
    'someone/single/model.safetensors',
    'numbered/weights-00002-of-00003.safetensors',
    'begun/model-00001-of-00002.safetensors.part',
    'other-names/config.json',
    'other-names/merged.safetensors',
    'from-chrome/config.json',
    'from-chrome/Unconfirmed 1234.crdownload',
    'from-hub/config.json',
    'from-hub/.cache/huggingface/download/abc.def.incomplete',
  )
  expect(await found(root)).toEqual([
    'begun',
    'from-chrome',
    'from-hub',
    'numbered',
    'other-names',
    'someone/indexed',
    'someone/single',
  ])
})

test('passes over what is no model and where nobody keeps any', async () => {
  const root = await rootWith(
    'loras/style.safetensors',
    'only-config/config.json',
    'gguf/model.gguf.part',
    'page/node_modules/thing/model.safetensors',
    'repository/.git/model.safetensors',
  )
  expect(await found(root)).toEqual([])
})

test('the root may be a model itself', async () => {
  expect(await found(await rootWith('model.safetensors', 'inner/model.safetensors'))).toEqual(['', 'inner'])
})

test('of a Hugging Face cache only the main snapshot counts', async () => {
  const root = await rootWith(
    'hub/models--someone--phi/snapshots/new/model.safetensors',
    'hub/models--someone--phi/snapshots/old/model.safetensors',
    'hub/models--someone--phi/blobs/0123.incomplete',
    'hub/models--someone--other/snapshots/only/model.safetensors',
  )
  const refs = join(root, 'hub/models--someone--phi/refs')
  await mkdir(refs)
  await writeFile(join(refs, 'main'), 'new')
  const phi = 'hub/models--someone--phi/snapshots/new'
  expect(await found(root)).toEqual(['hub/models--someone--other/snapshots/only', phi])
  expect(await findModelFolders(join(root, 'hub/models--someone--phi'))).toEqual([join(root, phi)])
  await writeFile(join(refs, 'main'), 'not-begun')
  expect(await found(root)).toEqual(['hub/models--someone--other/snapshots/only'])
})

test.skipIf(process.platform === 'win32')('links that lead in circles end, and one model is listed once', async () => {
  const root = await rootWith('a/model.safetensors')
  await symlink(root, join(root, 'a', 'up'))
  await symlink(join(root, 'a'), join(root, 'b'))
  expect(await findModelFolders(root)).toHaveLength(1)
})

test('a root that is not there is refused', async () => {
  const root = await temporaryFolder()
  expect(await refusal(findModelFolders(join(root, 'gone')))).toMatchObject({ code: 'MODEL_FOLDER_MISSING' })
})
