import { copyFile, mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { PlanSource } from '#dist/plan/plan.js'
import { placesOf, shardSeenHere, spoolSeenHere } from '#dist/worker/shared-paths.js'
import { planFolder } from '../helpers/convert-folder.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

async function oneShard(): Promise<{ readonly folder: string; readonly source: PlanSource }> {
  const folder = await temporaryFolder()
  await writeSmallModel(folder)
  const [source] = (await planFolder(folder, 'Q4_K_M')).sources
  if (source === undefined) throw new Error('the model has no shard')
  return { folder, source }
}

describe('a shard', () => {
  it('is seen under the path of the coordinator, and where a map leads', async () => {
    const { folder, source } = await oneShard()
    expect(await shardSeenHere(source, [])).toBe(source.path)
    const elsewhere = { ...source, path: source.path.replace(folder, '/srv/models') }
    expect(await shardSeenHere(elsewhere, [])).toBeUndefined()
    expect(await shardSeenHere(elsewhere, [{ from: '/srv/models', to: folder }])).toBe(source.path)
    expect(await shardSeenHere(elsewhere, [{ from: '/srv/models/', to: folder }])).toBe(source.path)
  })

  it.each([
    ['of another size', async ({ path }: PlanSource) => writeFile(path, 'x', { flag: 'a' })],
    ['written to since', async ({ path }: PlanSource) => utimes(path, new Date(0), new Date(0))],
  ])('is not taken for the same when it is %s', async (_, change) => {
    const { source } = await oneShard()
    await change(source)
    expect(await shardSeenHere(source, [])).toBeUndefined()
  })

  it('is not taken for the same when only its header differs', async () => {
    const { folder, source } = await oneShard()
    const other = join(folder, 'other')
    await mkdir(other)
    await copyFile(source.path, join(other, source.name))
    // In the middle of the millisecond: the system may round what it is given down.
    await utimes(join(other, source.name), new Date(), (source.modifiedMs + 0.5) / 1000)
    const wanted = { ...source, path: join(other, source.name) }
    expect(await shardSeenHere(wanted, [])).toBe(wanted.path)
    expect(await shardSeenHere({ ...wanted, headerSha256: '0'.repeat(64) }, [])).toBeUndefined()
  })
})

describe('the folder for results', () => {
  it('is seen only where the same nonce stands in it', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'nonce'), 'abc')
    expect(await spoolSeenHere({ folder, nonce: 'abc' }, [])).toBe(folder)
    expect(await spoolSeenHere({ folder, nonce: 'abd' }, [])).toBeUndefined()
    expect(await spoolSeenHere({ folder: '/srv/out', nonce: 'abc' }, [{ from: '/srv/out', to: folder }])).toBe(folder)
  })
})

describe('a map', () => {
  it.each([
    ['/srv/models', '/srv/models/a/b.safetensors', ['/mnt/a/b.safetensors', '/srv/models/a/b.safetensors']],
    ['/srv/models', '/srv/models-2/b.safetensors', ['/srv/models-2/b.safetensors']],
    ['/srv/models', '/srv/models/../../etc/passwd', ['/srv/models/../../etc/passwd']],
    ['C:\\models', 'C:\\models\\a\\b.safetensors', ['/mnt/a/b.safetensors']],
    ['C:\\models\\', 'C:\\models/a\\b.safetensors', ['/mnt/a/b.safetensors']],
    ['\\\\nas\\models', '\\\\nas\\models\\b.safetensors', ['/mnt/b.safetensors']],
    ['/', '/a', ['/mnt/a', '/a']],
  ])('of %s leads from %s to the right places', (from, path, places) => {
    // Written as on POSIX; Windows has its own separators, and other absolute paths.
    if (process.platform === 'win32') return
    expect(placesOf(path, [{ from, to: '/mnt' }])).toEqual(places)
  })
})
