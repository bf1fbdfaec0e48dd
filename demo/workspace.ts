import { mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from './mibera.ts'
import type { Say } from './say.ts'

/** What every step is given. */
export interface Demo {
  /** Temporary folder, in which all commands run. */
  readonly folder: string
  readonly say: Say
  /** Aborted on Ctrl-C. */
  readonly stop: AbortSignal
}

/** Names in the workspace. */
export const names = {
  model: 'mibera-v1-merged',
  whole: 'whole.gguf',
  resumed: 'mibera-Q3_K_M.gguf',
  state: 'state',
} as const

/** Runs `steps` in a fresh folder, which is removed afterwards, also on failure, unless it is to be kept. */
export async function withWorkspace(
  { keep, say, stop }: { keep: boolean; say: Say; stop: AbortSignal },
  steps: (demo: Demo) => Promise<void>,
): Promise<void> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'mibera-demo-')))
  try {
    say.remark('All commands run in a temporary folder, with mibera standing for the program:')
    say.command(`cd ${folder}`)
    say.command(`alias mibera='node ${program}'`)
    await steps({ folder, say, stop })
  } finally {
    if (keep) say.line(`Kept: ${folder}`)
    // Windows lets go of the files of a process some moments after its end.
    else await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

/** Bytes of all files below `folder`. */
export async function diskUse(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
