import { chmod, cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { contentDigest } from '#dist/daemon/watch/content-digest.js'
import type { CompleteFolder, WatchedFolder } from '#dist/daemon/watch/watched-folder.js'
import { Watcher } from '#dist/daemon/watch/watcher.js'
import { openModelFolder } from '#dist/formats/safetensors/open-folder.js'
import { writeSafetensors } from '../../../fixtures/safetensors-file.ts'
import { trickleDownload } from '../../../fixtures/trickle-download.ts'
import { writeDownloadSource } from '../../helpers/download-source.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const quietMs = 400

/** A watcher on `root`, and a way to wait for what it tells. */
async function watching(root: string, poll = false) {
  const completed: (CompleteFolder & { at: number })[] = []
  const waiting = new Set<() => void>()
  const tell = () => {
    for (const check of waiting) check()
  }
  const watcher = new Watcher({
    roots: [root],
    quietMs,
    poll,
    onChange: tell,
    onComplete(folder) {
      completed.push({ ...folder, at: performance.now() })
      tell()
    },
  })
  onTestFinished(() => watcher.stop())
  await watcher.start()
  function until(isSo: (folders: readonly WatchedFolder[]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!isSo(watcher.folders())) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  }
  return { watcher, completed, until }
}

async function source(): Promise<string> {
  const folder = await temporaryFolder()
  await writeDownloadSource(folder)
  return folder
}

const ways = [
  { style: 'plain', name: 'phi4', poll: false },
  { style: 'part-suffix', name: 'phi4', poll: false },
  { style: 'part-suffix', name: 'phi4', poll: true },
  ...(process.platform === 'win32' ? [] : [{ style: 'hf-cache', name: 'models--someone--phi4', poll: false } as const]),
] as const

test.each(ways)(
  'a $style download (polling: $poll) is complete when all is there and quiet, never earlier',
  async ({ style, name, poll }) => {
    const from = await source()
    const root = await temporaryFolder()
    const target = join(root, name)
    const { watcher, completed, until } = await watching(root, poll)
    const views = () => watcher.folders().filter(({ path }) => path.startsWith(target))
    const reasons: string[] = []
    let steps = 0
    await trickleDownload(from, target, {
      seed: 7,
      pieceBytes: 8192,
      style,
      async onStep() {
        if (++steps % 25 !== 0) return
        // A pause in which another folder runs through its whole quiet time.
        const other = join(root, `other-${steps}`)
        await cp(from, other, { recursive: true })
        await until(() => completed.some(({ path }) => path === other))
        expect(completed.filter(({ path }) => path.startsWith(target))).toEqual([])
        expect(views()).toMatchObject([{ state: 'downloading' }])
        reasons.push(...views().map(({ reason }) => reason))
      },
    })
    const ended = performance.now()
    expect(reasons.at(-1)).toMatch(/^\d+ of 13 shards/)
    await until(() => completed.some(({ path }) => path.startsWith(target)))
    const complete = completed.find(({ path }) => path.startsWith(target))
    expect(complete?.at).toBeGreaterThan(ended + quietMs - 50)
    expect(complete?.at).toBeLessThan(ended + quietMs + 2000)
    expect(complete?.content).toBe(await contentDigest(from))
    expect((await openModelFolder(complete?.path ?? '')).shards).toHaveLength(13)
    expect(views()).toMatchObject([{ path: complete?.path, state: 'complete', reason: 'complete' }])
  },
)

test.each([false, true])('a new folder is noticed long before the next sweep (polling: %s)', async (poll) => {
  const root = await temporaryFolder()
  await writeDownloadSource(join(root, 'first'))
  const { completed, until } = await watching(root, poll)
  await until(() => completed.length === 1)
  const begun = performance.now()
  await writeDownloadSource(join(root, 'someone', 'second'))
  await until((folders) => folders.length === 2)
  // Regular sweeps are 5 s apart, and the last one was less than 1 s ago.
  expect(performance.now() - begun).toBeLessThan(4500)
})

test.skipIf(process.platform === 'win32')('a root that is a link is watched under the name it was given', async () => {
  const real = await temporaryFolder()
  const root = join(await temporaryFolder(), 'link')
  await symlink(real, root)
  const { completed, until } = await watching(root)
  await writeDownloadSource(join(root, 'first'))
  await until(() => completed.length === 1)
  const begun = performance.now()
  await writeDownloadSource(join(root, 'second'))
  await until((folders) => folders.length === 2)
  expect(performance.now() - begun).toBeLessThan(4500)
  await until(() => completed.length === 2)
  expect(completed.map(({ path }) => path)).toEqual([join(root, 'first'), join(root, 'second')])
})

test('a thousand folders are all found complete', async () => {
  const root = await temporaryFolder()
  await Promise.all(
    Array.from({ length: 1000 }, async (_, index) => {
      const folder = join(root, `model-${index}`)
      await mkdir(folder)
      await writeSafetensors(join(folder, 'model.safetensors'), [{ name: `weight-${index}`, dtype: 'F32', shape: [4] }])
      await writeFile(join(folder, 'config.json'), '{}')
      await writeFile(join(folder, 'tokenizer.json'), '{}')
    }),
  )
  const { completed, until } = await watching(root)
  await until(() => completed.length === 1000)
  expect(new Set(completed.map(({ content }) => content)).size).toBe(1000)
})

test('folders that are there already are found, and all copies of a model have one content', async () => {
  const from = await source()
  const root = await temporaryFolder()
  await cp(from, join(root, 'someone', 'one'), { recursive: true })
  await cp(from, join(root, 'two'), { recursive: true })
  const { completed, until } = await watching(root)
  await until(() => completed.length === 2)
  expect(completed.map(({ path }) => path).toSorted()).toEqual([join(root, 'someone', 'one'), join(root, 'two')])
  expect(new Set(completed.map(({ content }) => content)).size).toBe(1)
})

test('a folder that is renamed is reported gone, and complete under its new name', async () => {
  const root = await temporaryFolder()
  const [before, after] = [join(root, 'before'), join(root, 'after')]
  await writeDownloadSource(before)
  const { watcher, completed, until } = await watching(root)
  await until(() => completed.length === 1)
  await rename(before, after)
  await until((folders) => folders.some(({ state }) => state === 'unreadable') && completed.length === 2)
  expect(watcher.folders()).toMatchObject([
    { path: after, state: 'complete' },
    { path: before, state: 'unreadable', reason: 'the folder is no longer there' },
  ])
  expect(completed[1]?.content).toBe(completed[0]?.content)
})

// Root may read everything, and Windows has no modes.
test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
  'a folder that may no longer be read is reported, and complete again when it may',
  async () => {
    const root = await temporaryFolder()
    const folder = join(root, 'phi4')
    await writeDownloadSource(folder)
    const { completed, until } = await watching(root)
    await until(() => completed.length === 1)
    await chmod(folder, 0)
    await until(([view]) => view?.state === 'unreadable' && view.reason.includes('permission denied'))
    await chmod(folder, 0o755)
    await until(() => completed.length === 2)
  },
)

test('a shard that changes in a complete folder is another content', async () => {
  const root = await temporaryFolder()
  const folder = join(root, 'phi4')
  await writeDownloadSource(folder)
  const { completed, until } = await watching(root)
  await until(() => completed.length === 1)
  await writeDownloadSource(folder, { dtype: 'BF16' })
  await until(() => completed.length === 2)
  expect(completed[1]?.content).not.toBe(completed[0]?.content)
})

test('a root may come, go and come again', async () => {
  const from = await source()
  const root = join(await temporaryFolder(), 'drive')
  const { completed, until } = await watching(root)
  await until((folders) => folders[0]?.path === root && folders[0].state === 'unreadable')
  await cp(from, join(root, 'phi4'), { recursive: true })
  await until(() => completed.length === 1)
  await rm(root, { recursive: true })
  await until((folders) => folders.length === 2 && folders.every(({ state }) => state === 'unreadable'))
  await cp(from, join(root, 'phi4'), { recursive: true })
  await until(() => completed.length === 2)
})

test('after stopping nothing is told; stopping twice or before the start is safe', async () => {
  const root = await temporaryFolder()
  const idle = new Watcher({ roots: [root], quietMs, poll: false, onChange() {}, onComplete() {} })
  await idle.stop()
  await idle.start()
  expect(idle.folders()).toEqual([])

  const { watcher, completed, until } = await watching(root)
  await mkdir(join(root, 'phi4'))
  await writeFile(join(root, 'phi4', 'model.safetensors.index.json'), '')
  await until((folders) => folders.length === 1)
  const watches = () => process.getActiveResourcesInfo().filter((name) => name === 'FSEventWrap').length
  expect(watches()).toBeGreaterThan(0)
  await watcher.stop()
  await watcher.stop()
  await expect.poll(watches).toBe(0)
  await writeDownloadSource(join(root, 'phi4'))
  expect(completed).toEqual([])
})
