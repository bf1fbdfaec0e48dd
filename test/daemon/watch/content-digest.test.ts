import { cp, open, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { contentDigest } from '#dist/daemon/watch/content-digest.js'
import { openModelFolder } from '#dist/formats/safetensors/open-folder.js'
import { writeDownloadSource } from '../../helpers/download-source.ts'
import { refusal } from '../../helpers/refusal.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

async function downloaded(): Promise<string> {
  const folder = await temporaryFolder()
  await writeDownloadSource(folder)
  return folder
}

test('the same bytes at another place and time are the same content', async () => {
  const first = await downloaded()
  const second = join(await temporaryFolder(), 'copy')
  await cp(first, second, { recursive: true })
  for (const { path } of (await openModelFolder(second)).shards) await utimes(path, 1e9, 1e9)
  const digest = await contentDigest(first)
  expect(digest).toMatch(/^[0-9a-f]{64}$/)
  expect(await contentDigest(second)).toBe(digest)
})

test('other weights in any one tensor are another content', async () => {
  const folder = await downloaded()
  const { tensors, shards } = await openModelFolder(folder)
  const seen = new Set([await contentDigest(folder)])
  for (const { offset, byteLength, shard } of tensors.values()) {
    const file = await open(shards[shard]?.path ?? '', 'r+')
    await file.write(Buffer.alloc(byteLength, 0x3e), 0, byteLength, offset)
    await file.close()
    seen.add(await contentDigest(folder))
  }
  expect(seen.size).toBe(tensors.size + 1)
})

test('another tokenizer is another content; another README is not', async () => {
  const folder = await downloaded()
  const digest = await contentDigest(folder)
  await writeFile(join(folder, 'README.md'), '# Changed')
  expect(await contentDigest(folder)).toBe(digest)
  await writeFile(join(folder, 'tokenizer.json'), '{"model":{"type":"BPE"}}')
  expect(await contentDigest(folder)).not.toBe(digest)
})

test.each([
  ['config.json', 'CONFIG_MALFORMED'],
  ['tokenizer.json', 'TOKENIZER_MALFORMED'],
])('half of %s is refused', async (name, code) => {
  const folder = await downloaded()
  const text = await readFile(join(folder, name), 'utf8')
  await writeFile(join(folder, name), text.slice(0, text.length / 2))
  expect(await refusal(contentDigest(folder))).toMatchObject({ code })
})
