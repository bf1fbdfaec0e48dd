import { appendFile, open, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, type MockInstance, onTestFinished, test, vi } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import { readSmallFile } from '#dist/disk/read-small-file.js'
import { planFolder } from '../helpers/convert-folder.ts'
import { seededRandom } from '../helpers/random.ts'
import { refusal } from '../helpers/refusal.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const tooLarge = (bytes: number) => new MiberaError('CONFIG_MALFORMED', `${bytes} bytes`)

/** Node's reads, each of which `change` may alter; as they were, after the test. */
async function reads(path: string, change: (length: number) => number | Promise<number>): Promise<void> {
  const file = await open(path)
  const prototype = Object.getPrototypeOf(file) as typeof file
  await file.close()
  const read = prototype.read as (this: typeof file, ...words: ReadWords) => Promise<unknown>
  const spy = vi.spyOn(prototype, 'read') as unknown as MockInstance<typeof read>
  onTestFinished(() => spy.mockRestore())
  spy.mockImplementation(async function (this: typeof file, target, offset, length, position) {
    return read.call(this, target, offset, await change(length), position)
  })
}

type ReadWords = [target: Uint8Array, offset: number, length: number, position: number]

test('a file is read whole, one that is not there is none, one that is too large is refused', async () => {
  const path = join(await temporaryFolder(), 'file')
  expect(await readSmallFile(path, 10, tooLarge)).toBeUndefined()
  await writeFile(path, '0123456789')
  expect(Buffer.from((await readSmallFile(path, 10, tooLarge)) ?? []).toString()).toBe('0123456789')
  expect((await refusal(readSmallFile(path, 9, tooLarge))).message).toBe('10 bytes')
})

test.each([
  ['grows', (path: string) => appendFile(path, 'more')],
  ['is written to', (path: string) => utimes(path, new Date(), new Date(Date.now() + 5000))],
])('a file that %s while it is read is not taken for what it was or will be', async (_, change) => {
  const path = join(await temporaryFolder(), 'file')
  await writeFile(path, '0123456789')
  await reads(path, async (length) => {
    await change(path)
    return length
  })
  const error = await refusal(readSmallFile(path, 100, tooLarge))
  expect(error).toMatchObject({ code: 'IO', retry: true })
  expect(error.message).toContain('written to while it was read')
})

test('a plan is the same however few bytes a read gives: no beginning of a file is taken for the file', async () => {
  const folder = await temporaryFolder()
  await writeSmallModel(folder, { shards: 3, sparse: true })
  const plan = await planFolder(folder, 'Q3_K_M')
  const random = seededRandom(1)
  let pieces = 0
  await reads(join(folder, 'README.md'), (length) => {
    pieces++
    return Math.min(length, 1 + random.integer(200))
  })
  expect(await planFolder(folder, 'Q3_K_M')).toEqual(plan)
  expect(pieces).toBeGreaterThan(100)
})
