import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openModelFolder } from '#dist/formats/safetensors/open-folder.js'
import { type FixtureTensor, writeSafetensors } from '../../fixtures/safetensors-file.ts'
import { refusal } from '../helpers/refusal.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const posix = process.platform !== 'win32'
const tensor: FixtureTensor = { name: 'x', dtype: 'F32', shape: [4] }

/** A folder inside another that holds a lawful file which must stay out of reach. */
async function folders(): Promise<{ outside: string; folder: string }> {
  const outside = await temporaryFolder()
  const folder = join(outside, 'model')
  await mkdir(folder)
  await writeSafetensors(join(outside, 'secret.safetensors'), [tensor])
  return { outside, folder }
}

const index = (text: string) => async (): Promise<string> => {
  const { folder } = await folders()
  await writeFile(join(folder, 'model.safetensors.index.json'), text)
  return folder
}

const names = (name: string) => index(JSON.stringify({ weight_map: { x: name } }))

test.each([
  '../secret.safetensors',
  '..\\secret.safetensors',
  '/etc/secret.safetensors',
  'C:\\secret.safetensors',
  'C:secret.safetensors',
  '\\\\host\\share\\secret.safetensors',
  'sub/../../secret.safetensors',
  'sub/secret.safetensors',
  'model\0.safetensors',
  'file:///secret.safetensors',
  'a.txt:stream.safetensors',
])('the index names %j', async (name) => {
  const error = await refusal(openModelFolder(await names(name)()))
  expect(error.code).toBe('PATH_ESCAPES_FOLDER')
  expect(error.message).toContain(JSON.stringify(name))
})

test.each(['..', '.', '', 'config.json', 'pytorch_model.bin'])('the index names %j, no shard', async (name) => {
  expect((await refusal(openModelFolder(await names(name)()))).code).toBe('INDEX_MALFORMED')
})

function manyShards(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, `${index}.safetensors`]))
}

test.each([
  ['not JSON', '{"weight_map":'],
  ['a list', '[]'],
  ['no weight_map', '{"metadata":{"total_size":1}}'],
  ['an empty weight_map', '{"weight_map":{}}'],
  ['a weight_map that is a list', '{"weight_map":["a"]}'],
  ['a shard that is a number', '{"weight_map":{"x":1}}'],
  ['the same tensor in two shards', '{"weight_map":{"x":"a.safetensors","\\u0078":"b.safetensors"}}'],
  ['two weight_maps', '{"weight_map":{"x":"a.safetensors"},"weight_map":{}}'],
  ['100 000 shards', JSON.stringify({ weight_map: manyShards(100_000) })],
  ['metadata nested a million deep', `{"metadata":${'['.repeat(1_000_000)}`],
])('an index with %s', async (_, text) => {
  const error = await refusal(openModelFolder(await index(text)()))
  expect(error.code).toBe('INDEX_MALFORMED')
  expect(error.message).toContain('model.safetensors.index.json')
})

test.runIf(posix)('a shard that is a link out of the folder', async () => {
  const { outside, folder } = await folders()
  await symlink(join(outside, 'secret.safetensors'), join(folder, 'model.safetensors'))
  const error = await refusal(openModelFolder(folder))
  expect(error.code).toBe('PATH_ESCAPES_FOLDER')
  expect(error.message).toContain(join(outside, 'secret.safetensors'))
})

test.runIf(posix)('an index that is a link out of the folder', async () => {
  const { outside, folder } = await folders()
  await writeFile(join(outside, 'index.json'), '{}')
  await symlink(join(outside, 'index.json'), join(folder, 'model.safetensors.index.json'))
  expect((await refusal(openModelFolder(folder))).code).toBe('PATH_ESCAPES_FOLDER')
})

test.runIf(posix)('a shard that is a link into a neighbour whose name begins like the folder', async () => {
  const { outside, folder } = await folders()
  await mkdir(`${folder}-other`)
  await writeSafetensors(join(`${folder}-other`, 'model.safetensors'), [tensor])
  await symlink(join(outside, 'model-other', 'model.safetensors'), join(folder, 'model.safetensors'))
  expect((await refusal(openModelFolder(folder))).code).toBe('PATH_ESCAPES_FOLDER')
})

test.runIf(posix)('a link that leads to itself', async () => {
  const { folder } = await folders()
  await symlink('model.safetensors', join(folder, 'model.safetensors'))
  expect((await refusal(openModelFolder(folder))).code).toBe('IO')
})

test('a shard that is a folder', async () => {
  const { folder } = await folders()
  await mkdir(join(folder, 'model.safetensors'))
  expect((await refusal(openModelFolder(folder))).code).toBe('IO')
})

test('a cache whose main branch leads out of it', async () => {
  const { outside } = await folders()
  const entry = join(outside, 'models--a--b')
  await mkdir(join(entry, 'refs'), { recursive: true })
  await writeFile(join(entry, 'refs', 'main'), '../../')
  expect((await refusal(openModelFolder(entry))).code).toBe('PATH_ESCAPES_FOLDER')
})

test('a numbered name that promises 99999 shards is no promise, just a name', async () => {
  const { folder } = await folders()
  await writeSafetensors(join(folder, 'model-00001-of-99999.safetensors'), [tensor])
  expect((await openModelFolder(folder)).shards.length).toBe(1)
})
