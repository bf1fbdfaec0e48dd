import { execFileSync } from 'node:child_process'
import { open, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLocalFile } from '#dist/disk/local-file.js'
import { refusal } from '../helpers/refusal.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const posix = process.platform !== 'win32'

test('bytes are read at any position, with size and time of the file', async () => {
  const path = join(await temporaryFolder(), 'file')
  await writeFile(
    path,
    Uint8Array.from({ length: 1000 }, (_, index) => index % 251),
  )
  const file = await openLocalFile(path)
  const target = new Uint8Array(300)
  await file.read(target, 600)
  expect(file.size).toBe(1000)
  expect(Number.isInteger(file.modifiedMs)).toBe(true)
  expect(target).toEqual(Uint8Array.from({ length: 300 }, (_, index) => (600 + index) % 251))
  await file.close()
  await file.close()
})

test.runIf(posix)('bytes beyond 2^32 are read from where they are', async () => {
  const path = join(await temporaryFolder(), 'file')
  const position = 2 ** 33 + 12_345
  const writer = await open(path, 'w')
  await writer.write(Buffer.from('far away'), 0, 8, position)
  await writer.close()
  const file = await openLocalFile(path)
  const target = Buffer.alloc(10)
  await file.read(target, position - 2)
  await file.close()
  expect(target.toString()).toBe('\0\0far away')
})

test('a file that has become shorter since it was opened is truncated, not zeros', async () => {
  const path = join(await temporaryFolder(), 'file')
  await writeFile(path, new Uint8Array(1000))
  const file = await openLocalFile(path)
  await truncate(path, 700)
  const error = await refusal(file.read(new Uint8Array(500), 400))
  await file.close()
  expect(error.code).toBe('SHARD_TRUNCATED')
  expect(error.message).toContain('ends at byte 700')
})

test('what is missing, a folder or a pipe is refused, without waiting for a writer', async () => {
  const folder = await temporaryFolder()
  expect((await refusal(openLocalFile(join(folder, 'none')))).code).toBe('IO')
  expect((await refusal(openLocalFile(folder))).code).toBe('IO')
  if (!posix) return
  execFileSync('mkfifo', [join(folder, 'pipe')])
  expect((await refusal(openLocalFile(join(folder, 'pipe')))).message).toContain('not a regular file')
})
