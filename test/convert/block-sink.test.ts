import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FileSink } from '#dist/convert/block-sink.js'
import { suiteFolder } from '../helpers/suite-folder.ts'

describe('blocks for files on a disk', () => {
  const root = suiteFolder()

  test('stand at the offsets that they were promised', async () => {
    const paths = [join(root(), 'first.part'), join(root(), 'second.part')]
    for (const path of paths) {
      await writeFile(path, '')
      await truncate(path, 12)
    }
    const sink = new FileSink(paths)
    await sink.put({ file: 1, offset: 4 }, new Uint8Array([1, 2, 3]))
    await sink.put({ file: 0, offset: 9 }, new Uint8Array([4, 5, 6]))
    await sink.put({ file: 1, offset: 7 }, new Uint8Array([7]))
    await Promise.all([0, 1].map(async (index) => (await sink.file(index)).close()))
    expect([...(await readFile(paths[0] ?? ''))]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 5, 6])
    expect([...(await readFile(paths[1] ?? ''))]).toEqual([0, 0, 0, 0, 1, 2, 3, 7, 0, 0, 0, 0])
  })

  test.runIf(process.platform === 'linux')('that do not fit are no silent loss', async () => {
    const sink = new FileSink(['/dev/full'])
    const put = sink.put({ file: 0, offset: 0 }, new Uint8Array(8))
    await expect(put).rejects.toMatchObject({ code: 'ENOSPC' })
    await (await sink.file(0)).close()
  })
})
