import { mkdtemp, readdir, realpath, rm, stat, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatBytes } from '#dist/base/byte-count.js'
import { Background } from './background.ts'
import { check } from './check.ts'
import { program } from './program.ts'
import type { Say } from './say.ts'

/** What every step is given. */
export interface Demo {
  /** Temporary folder, in which all commands run. */
  readonly folder: string
  readonly say: Say
  /** Aborted on Ctrl-C. */
  readonly stop: AbortSignal
  /** The daemons of this demo. */
  readonly background: Background
}

/** Names in the workspace. */
export const names = {
  model: 'mibera-v1-merged',
  whole: 'whole.gguf',
  watched: 'models',
  downloaded: 'models/mibera-v1-merged',
  result: 'models/mibera-v1-merged-Q3_K_M.gguf',
  state: 'state',
} as const

/** The model twice, a shard of it once more, and what is made of it twice. */
const neededBytes = 2.6 * 2 ** 30

/** Runs `steps` in a fresh folder. No daemon of it and, unless it is to be kept, nothing of it stays, on failure too. */
export async function withWorkspace(
  { keep, say, stop }: { keep: boolean; say: Say; stop: AbortSignal },
  steps: (demo: Demo) => Promise<void>,
): Promise<void> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'mibera-demo-')))
  const background = new Background()
  try {
    const { bavail, bsize } = await statfs(folder)
    const free = `${formatBytes(neededBytes)} are free in ${tmpdir()} (${formatBytes(bavail * bsize)} are)`
    check(bavail * bsize > neededBytes, free)
    say.remark('All commands run in a temporary folder, with mibera standing for the program:')
    say.command(`cd ${folder}`)
    say.command(`alias mibera='node ${program}'`)
    say.command(`export MIBERA_STATE_DIR=$PWD/${names.state}`)
    await steps({ folder, say, stop, background })
  } finally {
    await background.killAll()
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
