import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openModelFolder } from '#dist/formats/safetensors/open-folder.js'
import { requireWeightDtype } from '#dist/formats/safetensors/weight-dtype.js'
import { writeModelFolder } from '../../../fixtures/model-folder.ts'
import { phi4Shape, tinyPhi4Shape } from '../../../fixtures/model-shapes.ts'
import { type FixtureTensor, writeSafetensors } from '../../../fixtures/safetensors-file.ts'
import { refusal } from '../../helpers/refusal.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const posix = process.platform !== 'win32'
const tiny = tinyPhi4Shape(64)
const one = (name: string, dtype = 'F32'): FixtureTensor => ({ name, dtype, shape: [2, 3] })

async function tinyFolder(options: Parameters<typeof writeModelFolder>[2]): Promise<string> {
  const folder = await temporaryFolder()
  await writeModelFolder(folder, tiny, { sparse: true, ...options })
  return folder
}

const writeIndex = (folder: string, weightMap: Record<string, string>) =>
  writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }))

test('a single file is a folder of one shard', async () => {
  const path = await tinyFolder({})
  const folder = await openModelFolder(path)
  expect(folder.path).toBe(path)
  expect(folder.shards).toMatchObject([{ name: 'model.safetensors', path: join(path, 'model.safetensors') }])
  expect(folder.shards[0]?.headerSha256).toMatch(/^[0-9a-f]{64}$/)
  expect(folder.tensors.get('model.layers.1.mlp.gate_up_proj.weight')).toMatchObject({
    dtype: 'F32',
    shape: [2048, 512],
    shard: 0,
  })
})

test('shards are found alike with an index and without', async () => {
  const indexed = await openModelFolder(await tinyFolder({ shards: 3 }))
  const bare = await openModelFolder(await tinyFolder({ shards: 3, index: false }))
  expect(bare.tensors).toEqual(indexed.tensors)
  expect(bare.shards.map(({ name }) => name)).toEqual([
    'model-00001-of-00003.safetensors',
    'model-00002-of-00003.safetensors',
    'model-00003-of-00003.safetensors',
  ])
  expect(new Set([...bare.tensors.values()].map(({ shard }) => shard))).toEqual(new Set([0, 1, 2]))
})

test('loose files of any name make up a folder where nothing better is there', async () => {
  const folder = await temporaryFolder()
  await writeSafetensors(join(folder, 'b.safetensors'), [one('y')])
  await writeSafetensors(join(folder, 'a.safetensors'), [one('x')])
  const { shards, tensors } = await openModelFolder(folder)
  expect(shards.map(({ name }) => name)).toEqual(['a.safetensors', 'b.safetensors'])
  expect(tensors.get('y')?.shard).toBe(1)
})

test('what the index does not name is no part of the model', async () => {
  const path = await tinyFolder({ shards: 2 })
  await writeSafetensors(join(path, 'consolidated.safetensors'), [one('x')])
  expect((await openModelFolder(path)).tensors.has('x')).toBe(false)
})

test.runIf(posix)('the full-size Phi-4 in 13 shards opens, from its headers alone', async () => {
  const path = await temporaryFolder()
  await writeModelFolder(path, phi4Shape, { shards: 13, sparse: true, lyingConfig: true })
  const { shards, tensors } = await openModelFolder(path)
  expect(tensors.size).toBe(243)
  expect(shards.length).toBe(13)
  const bytes = [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
  expect(bytes).toBe(4 * 14_659_507_200)
})

test('missing shards are counted and listed, with an index and without', async () => {
  for (const index of [true, false]) {
    const path = await tinyFolder({ shards: 13, index })
    for (const number of ['04', '05', '11']) await rm(join(path, `model-000${number}-of-00013.safetensors`))
    const error = await refusal(openModelFolder(path))
    expect(error.code).toBe('SHARDS_MISSING')
    expect(error.retry).toBe(true)
    expect(error.message).toBe(
      '3 of 13 shards are missing: model-00004-of-00013.safetensors, model-00005-of-00013.safetensors, model-00011-of-00013.safetensors',
    )
  }
})

test('one shard of 4096 lists a few of the missing, and counts the others', async () => {
  const folder = await temporaryFolder()
  await writeSafetensors(join(folder, 'model-00001-of-04096.safetensors'), [one('x')])
  const error = await refusal(openModelFolder(folder))
  expect(error.message).toMatch(/^4095 of 4096 shards are missing: .* and 4085 more$/)
})

test('a folder that is missing, is a file, or holds no safetensors is refused with what to do', async () => {
  const folder = await temporaryFolder()
  expect(await refusal(openModelFolder(join(folder, 'none')))).toMatchObject({ code: 'MODEL_FOLDER_MISSING' })
  await writeFile(join(folder, 'file'), '')
  const file = await refusal(openModelFolder(join(folder, 'file')))
  expect(file).toMatchObject({ code: 'MODEL_FOLDER_MISSING', hint: `Give the folder that holds it: ${folder}` })
  const empty = await refusal(openModelFolder(folder))
  expect(empty).toMatchObject({ code: 'NO_SAFETENSORS', hint: 'Download the model as *.safetensors.' })
})

test('weights in another format are named where safetensors are missing', async () => {
  const folder = await temporaryFolder()
  for (const name of ['pytorch_model.bin', 'model.gguf', 'config.json']) await writeFile(join(folder, name), '')
  const { hint } = await refusal(openModelFolder(folder))
  expect(hint).toContain('model.gguf, pytorch_model.bin')
  expect(hint).not.toContain('config.json')
})

test('index and shards that disagree are refused, each disagreement named', async () => {
  const folder = await temporaryFolder()
  await writeSafetensors(join(folder, '1.safetensors'), [one('here'), one('unlisted')])
  await writeSafetensors(join(folder, '2.safetensors'), [one('moved')])
  await writeIndex(folder, { here: '1.safetensors', moved: '1.safetensors', lost: '2.safetensors' })
  const error = await refusal(openModelFolder(folder))
  expect(error.code).toBe('INDEX_MISMATCH')
  expect(error.message).toContain('"moved" is not in 1.safetensors but in 2.safetensors')
  expect(error.message).toContain('"lost" is not in 2.safetensors')
  expect(error.message).toContain('"unlisted" of 1.safetensors is not in the index')
})

test('a tensor in two shards is refused, naming both', async () => {
  const folder = await temporaryFolder()
  await writeSafetensors(join(folder, 'a.safetensors'), [one('x')])
  await writeSafetensors(join(folder, 'b.safetensors'), [one('x')])
  const error = await refusal(openModelFolder(folder))
  expect(error.code).toBe('TENSOR_UNEXPECTED')
  expect(error.message).toBe('tensor "x" is both in a.safetensors and in b.safetensors')
})

test('of several broken shards always the first is reported', async () => {
  const path = await tinyFolder({ shards: 8 })
  for (const number of [7, 3, 5]) await writeFile(join(path, `model-0000${number}-of-00008.safetensors`), 'short')
  for (let round = 0; round < 5; round++) {
    const error = await refusal(openModelFolder(path))
    expect(error.code).toBe('SHARD_TRUNCATED')
    expect(error.message).toContain('model-00003-of-00008.safetensors')
  }
})

test('other data types are listed, and refused by name where weights are wanted', async () => {
  const folder = await temporaryFolder()
  await writeSafetensors(join(folder, 'model.safetensors'), [one('w', 'F8_E4M3'), one('v', 'BF16')])
  const { tensors } = await openModelFolder(folder)
  const weights = (name: string) => {
    const entry = tensors.get(name)
    if (entry === undefined) throw new Error(name)
    return requireWeightDtype(entry, 'model.safetensors')
  }
  expect(weights('v')).toBe('BF16')
  expect(() => weights('w')).toThrow(/model\.safetensors has tensor "w" as F8_E4M3/)
})

/** The layout of a Hugging Face cache; returns the path of its models--… folder. */
async function cacheOf(shards: number): Promise<{ entry: string; snapshot: string }> {
  const entry = join(await temporaryFolder(), 'models--ivxxdegen--mibera-v1-merged')
  const snapshot = join(entry, 'snapshots', '0123abcd')
  const blobs = join(entry, 'blobs')
  await mkdir(blobs, { recursive: true })
  await mkdir(join(entry, 'refs'))
  await writeFile(join(entry, 'refs', 'main'), '0123abcd')
  const written = await writeModelFolder(snapshot, tiny, { shards, sparse: true })
  const linked = [...written.shards, ...(shards > 1 ? ['model.safetensors.index.json'] : [])]
  for (const [index, name] of linked.entries()) {
    const blob = String(index).repeat(64)
    await rename(join(snapshot, name), join(blobs, blob))
    await symlink(join('..', '..', 'blobs', blob), join(snapshot, name))
  }
  return { entry, snapshot }
}

test.runIf(posix)('a Hugging Face cache opens by its snapshot and by its models-- folder', async () => {
  const { entry, snapshot } = await cacheOf(2)
  const bySnapshot = await openModelFolder(snapshot)
  expect(bySnapshot.path).toBe(snapshot)
  expect(bySnapshot.shards.map(({ path }) => path)).toEqual([
    join(entry, 'blobs', '0'.repeat(64)),
    join(entry, 'blobs', '1'.repeat(64)),
  ])
  expect(await openModelFolder(entry)).toEqual(bySnapshot)
})

test.runIf(posix)('a cache link whose blob is not there yet is a missing shard', async () => {
  const { entry, snapshot } = await cacheOf(2)
  await rm(join(entry, 'blobs', '1'.repeat(64)))
  const error = await refusal(openModelFolder(snapshot))
  expect(error.code).toBe('SHARDS_MISSING')
  expect(error.message).toContain('1 of 2 shards is missing: model-00002-of-00002.safetensors')
})

test.runIf(posix)('links from a plain folder into the cache, as older downloads made them, are followed', async () => {
  const { entry } = await cacheOf(1)
  const folder = await temporaryFolder()
  await symlink(join(entry, 'blobs', '0'.repeat(64)), join(folder, 'model.safetensors'))
  expect((await openModelFolder(folder)).shards[0]?.path).toBe(join(entry, 'blobs', '0'.repeat(64)))
})
