import { appendFile, readFile, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { contentDigest } from '#dist/daemon/watch/content-digest.js'
import { FolderWatch } from '#dist/daemon/watch/folder-watch.js'
import { writeDownloadSource } from '../../helpers/download-source.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const quietMs = 10_000
const index = 'model.safetensors.index.json'
const shard13 = 'model-00013-of-00013.safetensors'

/** A downloaded folder, looked at by a clock that only the test moves. */
async function watched(digest = contentDigest) {
  const folder = join(await temporaryFolder(), 'phi4')
  await writeDownloadSource(folder)
  let now = 1000
  const watch = new FolderWatch(folder, quietMs, () => now, digest)
  return {
    folder,
    watch,
    async lookAfter(milliseconds: number) {
      now += milliseconds
      const { complete, changed } = await watch.look()
      return { state: watch.view.state, reason: watch.view.reason, complete, changed }
    },
  }
}

test('a whole folder is complete once the quiet time has passed, and is told of once', async () => {
  const { folder, lookAfter } = await watched()
  const reason = '13 of 13 shards; waits until nothing has changed for 10 s'
  expect(await lookAfter(0)).toEqual({ state: 'settling', reason, complete: undefined, changed: true })
  expect(await lookAfter(9999)).toMatchObject({ state: 'settling', complete: undefined, changed: false })
  const content = await contentDigest(folder)
  expect(await lookAfter(1)).toMatchObject({ state: 'complete', complete: { path: folder, content }, changed: true })
  expect(await lookAfter(1e6)).toMatchObject({ state: 'complete', complete: undefined, changed: false })
})

test('the next look comes when the quiet time ends', async () => {
  const { watch, lookAfter } = await watched()
  expect((await watch.look()).nextMs).toBe(1000)
  await lookAfter(9400)
  expect((await watch.look()).nextMs).toBe(600)
})

test('any change lets the quiet time begin anew', async () => {
  const { folder, lookAfter } = await watched()
  await lookAfter(0)
  await lookAfter(9000)
  await appendFile(join(folder, 'config.json'), ' ')
  expect(await lookAfter(2000)).toMatchObject({ state: 'settling' })
  expect(await lookAfter(9999)).toMatchObject({ state: 'settling' })
  expect(await lookAfter(1)).toMatchObject({ state: 'complete' })
})

test('a folder that changes while its content is looked at is not complete', async () => {
  let changes = 1
  const { lookAfter } = await watched(async (folder) => {
    if (changes-- > 0) await utimes(join(folder, shard13), 1e9, 1e9)
    return 'digest'
  })
  await lookAfter(0)
  expect(await lookAfter(quietMs)).toMatchObject({ state: 'settling', complete: undefined })
  expect(await lookAfter(quietMs - 1)).toMatchObject({ state: 'settling' })
  expect(await lookAfter(1)).toMatchObject({ state: 'complete', complete: { content: 'digest' } })
})

test('the same bytes downloaded again are told of again, as the same content', async () => {
  const { folder, lookAfter } = await watched()
  await lookAfter(0)
  const { complete } = await lookAfter(quietMs)
  await utimes(join(folder, shard13), 1e9, 1e9)
  expect(await lookAfter(0)).toMatchObject({ state: 'settling', complete: undefined })
  expect(await lookAfter(quietMs)).toMatchObject({ state: 'complete', complete })
})

test('a shard that goes away makes the folder unfinished again', async () => {
  const { folder, lookAfter } = await watched()
  await lookAfter(0)
  await lookAfter(quietMs)
  await rm(join(folder, shard13))
  expect(await lookAfter(0)).toMatchObject({ state: 'downloading', reason: '12 of 13 shards' })
})

test('half an index is a download under way until nobody has written for the quiet time', async () => {
  const { folder, lookAfter } = await watched()
  const whole = await readFile(join(folder, index))
  await writeFile(join(folder, index), whole.subarray(0, 300))
  expect(await lookAfter(0)).toMatchObject({ state: 'downloading' })
  expect(await lookAfter(quietMs)).toMatchObject({ state: 'unreadable', reason: expect.stringContaining('malformed') })
  await writeFile(join(folder, index), whole)
  expect(await lookAfter(0)).toMatchObject({ state: 'settling' })
})

test('shards of another model are found before a conversion is begun', async () => {
  const { folder, lookAfter } = await watched()
  const text = await readFile(join(folder, index), 'utf8')
  await writeFile(join(folder, index), text.replace('model.norm.weight', 'model.other.weight'))
  await lookAfter(0)
  const mismatch = { state: 'unreadable', reason: expect.stringContaining('disagree'), complete: undefined }
  expect(await lookAfter(quietMs)).toMatchObject(mismatch)
  expect(await lookAfter(5000)).toMatchObject({ ...mismatch, changed: false })
})

test('a tokenizer of which half has come is never converted with', async () => {
  const { folder, lookAfter } = await watched()
  await truncate(join(folder, 'tokenizer.json'), 5)
  await lookAfter(0)
  expect(await lookAfter(quietMs)).toMatchObject({ state: 'unreadable', complete: undefined })
  await writeFile(join(folder, 'tokenizer.json'), '{"model":{}}')
  await lookAfter(0)
  expect(await lookAfter(quietMs)).toMatchObject({ state: 'complete' })
})

test('a download that stands still says since when', async () => {
  const { folder, watch, lookAfter } = await watched()
  await rm(join(folder, shard13))
  await lookAfter(0)
  expect(await lookAfter(5 * 60_000)).toMatchObject({
    state: 'downloading',
    reason: '12 of 13 shards; nothing has come for 5 min 0 s',
  })
  expect(watch.view).toMatchObject({ bytesPerSecond: 0, secondsLeft: undefined })
})

test('speed and time left come from what arrives', async () => {
  const { folder, watch, lookAfter } = await watched()
  const path = join(folder, shard13)
  const whole = await readFile(path)
  await writeFile(path, whole.subarray(0, whole.length - 4000))
  await lookAfter(0)
  await writeFile(path, whole.subarray(0, whole.length - 1000))
  await lookAfter(2000)
  expect(watch.view).toMatchObject({ bytesPerSecond: 1500, secondsLeft: 1000 / 1500 })
})

test('a folder that is gone is unreadable, and looked at anew when it comes back', async () => {
  const { folder, lookAfter } = await watched()
  await lookAfter(0)
  await rename(folder, `${folder}-renamed`)
  expect(await lookAfter(quietMs)).toMatchObject({ state: 'unreadable', reason: 'the folder is no longer there' })
  await rename(`${folder}-renamed`, folder)
  expect(await lookAfter(quietMs)).toMatchObject({ state: 'settling' })
})

test.skipIf(process.platform === 'win32')('a shard that cannot be read is reported', async () => {
  const { folder, lookAfter } = await watched()
  await rm(join(folder, shard13))
  await symlink(shard13, join(folder, shard13))
  expect(await lookAfter(0)).toMatchObject({ state: 'unreadable', reason: expect.stringContaining(shard13) })
})
