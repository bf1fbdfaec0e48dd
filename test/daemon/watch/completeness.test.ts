import { appendFile, mkdir, open, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { examineFolder } from '#dist/daemon/watch/completeness.js'
import { writeModelFolder } from '../../../fixtures/model-folder.ts'
import { phi4Shape } from '../../../fixtures/model-shapes.ts'
import { writeDownloadSource } from '../../helpers/download-source.ts'
import { refusal } from '../../helpers/refusal.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const shard = (number: number) => `model-${String(number).padStart(5, '0')}-of-00013.safetensors`

async function downloaded(): Promise<string> {
  const folder = await temporaryFolder()
  await writeDownloadSource(folder)
  return folder
}

async function sizeOf(folder: string): Promise<number> {
  const sizes = Array.from({ length: 13 }, async (_, index) => (await stat(join(folder, shard(index + 1)))).size)
  return (await Promise.all(sizes)).reduce((total, size) => total + size)
}

async function cutTo(path: string, share: number): Promise<void> {
  await truncate(path, Math.ceil((await stat(path)).size * share))
}

test('a folder with all that it needs is whole', async () => {
  const folder = await downloaded()
  const size = await sizeOf(folder)
  expect(await examineFolder(folder)).toMatchObject({
    whole: true,
    reason: '13 of 13 shards',
    doneBytes: size,
    totalBytes: size,
    flaw: undefined,
  })
})

test('says how many shards are there and how far the one on its way is', async () => {
  const folder = await downloaded()
  const size = await sizeOf(folder)
  const last = await stat(join(folder, shard(13)))
  await cutTo(join(folder, shard(12)), 0.61)
  await rm(join(folder, shard(13)))
  const { whole, reason, doneBytes, totalBytes } = await examineFolder(folder)
  expect({ whole, reason }).toEqual({ whole: false, reason: '11 of 13 shards, model-00012 at 61 %' })
  expect(doneBytes).toBe(size - last.size - (await cutAway(folder, 12)))
  // The header of the last shard is not known yet.
  expect(totalBytes).toBeGreaterThan(size * 0.9)
  expect(totalBytes).toBeLessThanOrEqual(size)
})

async function cutAway(folder: string, number: number): Promise<number> {
  const file = await open(join(folder, shard(number)))
  const length = new BigUint64Array(1)
  await file.read(new Uint8Array(length.buffer), 0, 8, 0)
  const header = new Uint8Array(Number(length[0]))
  await file.read(header, 0, header.length, 8)
  const { size } = await file.stat()
  await file.close()
  const { __metadata__: _, ...tensors } = JSON.parse(Buffer.from(header).toString()) as Record<
    string,
    { data_offsets: number[] }
  >
  const data = Math.max(...Object.values(tensors).map(({ data_offsets }) => data_offsets[1] ?? 0))
  return 8 + header.length + data - size
}

test('a shard that lacks its last byte is not whole', async () => {
  const folder = await downloaded()
  const path = join(folder, shard(4))
  await truncate(path, (await stat(path)).size - 1)
  expect(await examineFolder(folder)).toMatchObject({ whole: false, reason: '12 of 13 shards, model-00004 at 99 %' })
})

test('a shard of which only part of the header has come has begun', async () => {
  const folder = await downloaded()
  await truncate(join(folder, shard(4)), 20)
  expect(await examineFolder(folder)).toMatchObject({ whole: false, reason: '12 of 13 shards, model-00004 begun' })
})

test('a shard that is too long is not whole', async () => {
  const folder = await downloaded()
  await appendFile(join(folder, shard(4)), 'abc')
  const reason = '12 of 13 shards, model-00004 is 3 bytes longer than its header promises'
  expect(await examineFolder(folder)).toMatchObject({ whole: false, reason })
})

test('without an index the numbered names say how many shards are still to come', async () => {
  const folder = await downloaded()
  await rm(join(folder, 'model.safetensors.index.json'))
  await rm(join(folder, shard(2)))
  expect(await examineFolder(folder)).toMatchObject({ whole: false, reason: '12 of 13 shards', totalBytes: undefined })
})

test.each(['config.json', 'tokenizer.json'])('a folder without %s is not whole', async (name) => {
  const folder = await downloaded()
  await rm(join(folder, name))
  expect(await examineFolder(folder)).toMatchObject({
    whole: false,
    reason: `13 of 13 shards, ${name} is not there yet`,
  })
})

test.each([
  'model-00003-of-00013.safetensors.incomplete',
  'model-00003-of-00013.safetensors.part',
  'model-00003-of-00013.Xy12zz.safetensors.part',
  'model-00003-of-00013.safetensors.aria2',
  'Unconfirmed 443211.crdownload',
  'model-00003-of-00013.safetensors.download',
  '.model-00003-of-00013.safetensors.a8Fq2Z',
  'config.json.part',
])('the unfinished download %s keeps a folder from being whole', async (name) => {
  const folder = await downloaded()
  await writeFile(join(folder, name), '')
  expect(await examineFolder(folder)).toMatchObject({ whole: false })
  await rm(join(folder, name))
  expect(await examineFolder(folder)).toMatchObject({ whole: true })
})

test('the file that this program itself is writing does not count as a download', async () => {
  const folder = await downloaded()
  await writeFile(join(folder, 'phi4-Q3_K_M.gguf.part'), '')
  expect(await examineFolder(folder)).toMatchObject({ whole: true })
})

test('a leftover of a download is named, as only a person can tell whether one is under way', async () => {
  const folder = await downloaded()
  await writeFile(join(folder, 'Unconfirmed 443211.crdownload'), '')
  const reason = '13 of 13 shards, a download seems to be under way: Unconfirmed 443211.crdownload'
  expect(await examineFolder(folder)).toMatchObject({ reason })
})

test('a file reserved at full length is not whole while its control file is there', async () => {
  const folder = await downloaded()
  const path = join(folder, shard(5))
  const { size } = await stat(path)
  await rm(path)
  await writeFile(path, '')
  await truncate(path, size)
  await writeFile(`${path}.aria2`, 'control')
  expect(await examineFolder(folder)).toMatchObject({ whole: false, flaw: undefined })
})

test('a file that has all its bytes is not counted while its control file is there', async () => {
  const folder = await downloaded()
  await writeFile(join(folder, `${shard(5)}.aria2`), 'control')
  expect(await examineFolder(folder)).toMatchObject({
    whole: false,
    reason: '12 of 13 shards, model-00005 not released yet',
  })
})

test('a file under a temporary name counts as the shard that its header or its name tells', async () => {
  const folder = await downloaded()
  const foreign = join(folder, 'Unconfirmed 443211.crdownload')
  await rename(join(folder, shard(7)), foreign)
  await cutTo(foreign, 0.5)
  await rename(join(folder, shard(8)), join(folder, `${shard(8)}.part`))
  await cutTo(join(folder, `${shard(8)}.part`), 0.25)
  const reason = '11 of 13 shards, model-00007 at 50 %, model-00008 at 25 %'
  expect(await examineFolder(folder)).toMatchObject({ whole: false, reason })
})

test('an unfinished file of "hf download --local-dir" counts, and its lock only until its file is there', async () => {
  const folder = await downloaded()
  const downloads = join(folder, '.cache', 'huggingface', 'download')
  await mkdir(downloads, { recursive: true })
  await writeFile(join(downloads, `${shard(3)}.lock`), '')
  await writeFile(join(downloads, `${shard(3)}.metadata`), '')
  await writeFile(join(downloads, 'pytorch_model.bin.lock'), '')
  await writeFile(join(downloads, 'pytorch_model.bin.metadata'), '')
  expect(await examineFolder(folder)).toMatchObject({ whole: true })

  const unfinished = join(downloads, 'aGFzaA.0a1b2c.incomplete')
  await rename(join(folder, shard(3)), unfinished)
  await cutTo(unfinished, 0.5)
  expect(await examineFolder(folder)).toMatchObject({ whole: false, reason: '12 of 13 shards, model-00003 at 50 %' })

  await rm(unfinished)
  expect(await examineFolder(folder)).toMatchObject({ whole: false, reason: '12 of 13 shards' })
})

test('a lock of "hf download --local-dir" whose file has not come keeps a folder from being whole', async () => {
  const folder = await downloaded()
  const downloads = join(folder, '.cache', 'huggingface', 'download')
  await mkdir(downloads, { recursive: true })
  await writeFile(join(downloads, 'generation_config.json.lock'), '')
  await rm(join(folder, 'generation_config.json'), { force: true })
  expect(await examineFolder(folder)).toMatchObject({
    whole: false,
    reason: expect.stringContaining('generation_config.json.lock'),
  })
  await writeFile(join(folder, 'generation_config.json'), '{}')
  expect(await examineFolder(folder)).toMatchObject({ whole: true })
})

test.skipIf(process.platform === 'win32')('blobs and locks of a Hugging Face cache count', async () => {
  const cache = await temporaryFolder()
  const entry = join(cache, 'models--someone--phi-4')
  const snapshot = join(entry, 'snapshots', 'abc')
  const locks = join(cache, '.locks', 'models--someone--phi-4')
  const names = await writeDownloadSource(snapshot)
  for (const folder of ['blobs', 'refs']) await mkdir(join(entry, folder))
  await mkdir(locks, { recursive: true })
  await writeFile(join(entry, 'refs', 'main'), 'abc')
  const blob = (position: number) => join(entry, 'blobs', position.toString(16).padStart(64, '0'))
  for (const [position, name] of names.entries()) {
    await rename(join(snapshot, name), blob(position))
    await symlink(blob(position), join(snapshot, name))
    await writeFile(join(locks, `${position.toString(16).padStart(64, '0')}.lock`), '')
  }
  expect(await examineFolder(entry)).toMatchObject({ whole: true, reason: '13 of 13 shards' })

  const lock = `${'f'.repeat(64)}.lock`
  await writeFile(join(locks, lock), '')
  expect(await examineFolder(entry)).toMatchObject({ whole: false, reason: expect.stringContaining(lock) })
  await rm(join(locks, lock))

  await rename(blob(2), `${blob(2)}.incomplete`)
  await rm(join(snapshot, shard(3)))
  await cutTo(`${blob(2)}.incomplete`, 0.5)
  expect(await examineFolder(entry)).toMatchObject({ whole: false, reason: '12 of 13 shards, model-00003 at 50 %' })

  await rename(`${blob(2)}.incomplete`, join(dirname(entry), 'elsewhere'))
  expect(await examineFolder(snapshot)).toMatchObject({ whole: false, reason: '12 of 13 shards' })
})

test('a malformed header is a flaw', async () => {
  const folder = await downloaded()
  await writeFile(join(folder, shard(1)), Buffer.alloc(100))
  expect(await examineFolder(folder)).toMatchObject({ whole: false, flaw: { code: 'SHARD_MALFORMED' } })
})

test('half an index is a flaw', async () => {
  const folder = await downloaded()
  const path = join(folder, 'model.safetensors.index.json')
  await writeFile(path, (await readFile(path)).subarray(0, 200))
  expect(await examineFolder(folder)).toMatchObject({ whole: false, flaw: { code: 'INDEX_MALFORMED' } })
})

test('a folder that is not there is refused', async () => {
  const folder = await temporaryFolder()
  expect(await refusal(examineFolder(join(folder, 'gone')))).toMatchObject({ code: 'MODEL_FOLDER_MISSING' })
})

test('the signature changes with any file concerned and with nothing else', async () => {
  const folder = await downloaded()
  const { signature } = await examineFolder(folder)
  await writeFile(join(folder, 'download.log'), 'x')
  expect((await examineFolder(folder)).signature).toBe(signature)
  await appendFile(join(folder, 'tokenizer.json'), ' ')
  expect((await examineFolder(folder)).signature).not.toBe(signature)
})

test.runIf(process.platform === 'linux')('of a model of 59 GB only the headers are read', async () => {
  const folder = await temporaryFolder()
  const extras = (path: string) => writeFile(join(path, 'tokenizer.json'), '{}')
  await writeModelFolder(folder, phi4Shape, { shards: 13, sparse: true, extras })
  const before = await bytesRead()
  expect(await examineFolder(folder)).toMatchObject({ whole: true, reason: '13 of 13 shards' })
  expect((await bytesRead()) - before).toBeLessThan(300_000)
})

/** Bytes that this process has read from files so far, as the kernel counts them. */
async function bytesRead(): Promise<number> {
  return Number(/rchar: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))?.[1])
}
