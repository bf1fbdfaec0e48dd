import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Spool } from '#dist/daemon/coordinator/conversions/spool.js'
import { temporaryFolder } from '../../../helpers/temporary-folder.ts'

const worker = '01234567-89ab-cdef-0123-456789abcdef'

test('a folder of results goes even while workers leave something there', async () => {
  const spool = new Spool(join(await temporaryFolder(), 'a.gguf.part'))
  await spool.make()
  const left = [0, 1, 2, 3].map((tensor) => leaveUntilItIsGone(spool, tensor))
  await spool.remove()
  await Promise.all(left)
  await expect(readdir(spool.folder)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('what is not its own is left, and the folder with it', async () => {
  const spool = new Spool(join(await temporaryFolder(), 'a.gguf.part'))
  await mkdir(spool.folder)
  await writeFile(join(spool.folder, 'notes.txt'), 'mine')
  await spool.make()
  await writeFile(spool.pathOf({ tensor: 1, slice: 2 }, worker), 'blocks')
  await spool.remove()
  expect(await readdir(spool.folder)).toEqual(['notes.txt'])
})

test('what a run that was killed while it removed its folder left behind is removed by the next', async () => {
  const parent = await temporaryFolder()
  const spool = new Spool(join(parent, 'a.gguf.part'))
  await spool.make()
  await writeFile(spool.pathOf({ tensor: 1, slice: 2 }, worker), 'blocks')
  await rm(join(spool.folder, 'nonce'))
  await rename(spool.folder, `${spool.folder}.removed`)
  await spool.make()
  expect(await readdir(parent)).toEqual(['a.gguf.part.results'])
})

/** As a worker does that has not heard of the end. */
async function leaveUntilItIsGone(spool: Spool, tensor: number): Promise<void> {
  for (let slice = 0; slice < 100_000; slice++) {
    const path = spool.pathOf({ tensor, slice }, worker)
    const code = await writeFile(path, 'blocks').then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    )
    if (code !== undefined) {
      expect(code).toBe('ENOENT')
      return
    }
  }
  throw new Error('the folder was never gone')
}
