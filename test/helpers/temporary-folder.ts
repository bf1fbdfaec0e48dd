import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A fresh folder, symbolic links resolved, that is removed after the running test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'mibera-test-')))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}
