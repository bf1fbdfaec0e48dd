import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

/** A fresh folder for all tests of the surrounding suite: its path, once they run. Removed after the last. */
export function suiteFolder(): () => string {
  let folder = ''
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'mibera-suite-')))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return () => folder
}
