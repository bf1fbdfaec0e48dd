import { execFileSync } from 'node:child_process'
import { readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { readOfDisks } from '#dist/disk/read-of-disks.js'
import { suiteFolder } from '../helpers/suite-folder.ts'

/** Type of a Linux file system that has no disk: include/uapi/linux/magic.h. */
const tmpfs = 0x01021994
const isOnDisk = process.platform === 'linux' && statfsSync(tmpdir()).type !== tmpfs

describe.skipIf(!isOnDisk)('what this process has disks read', () => {
  const root = suiteFolder()
  let path: string

  beforeAll(() => {
    path = join(root(), 'file')
    writeFileSync(path, new Uint8Array(8 * 2 ** 20))
  })

  function addedByReading(): number {
    const before = readOfDisks()
    readFileSync(path)
    return readOfDisks() - before
  }

  test('grows by a file that is not in the cache', () => {
    execFileSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none'])
    expect(addedByReading()).toBeGreaterThan(0)
  })

  test('does not grow by one that is', () => {
    readFileSync(path)
    // Node itself may have parts of its own program read meanwhile, but not each time.
    expect(Array.from({ length: 10 }, addedByReading)).toContain(0)
  })
})
