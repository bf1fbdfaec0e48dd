import { stat } from 'node:fs/promises'
import { formatBytes } from '../base/byte-count.ts'
import { MiberaError, systemCode } from '../base/errors.ts'
import { freeSpace } from '../disk/free-space.ts'
import { partFileExtent } from '../disk/part-file.ts'
import type { Plan } from '../plan/plan.ts'
import type { OutputPaths } from './output-paths.ts'

/** Room for the report, the bookmarks and what the file system needs for itself. */
const overheadBytes = 8 * 1024 * 1024

/**
 * Refuses to write over one of the sources, be it by the same path or through a link.
 * @throws MiberaError OUTPUT_IS_SOURCE
 */
export async function refuseSourceAsOutput(plan: Plan, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const target = await identity(path)
    if (target === undefined) continue
    for (const source of plan.sources) {
      if ((await identity(source.path)) !== target) continue
      throw new MiberaError('OUTPUT_IS_SOURCE', `${path} is the source file ${source.name}`, {
        subject: path,
        hint: 'Name another file with --out. Sources are never written to.',
      })
    }
  }
}

/** Device and file number: the same for all names of one file. */
async function identity(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return `${dev}:${ino}`
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Bytes of disk that the output still needs: what is not yet allocated of the part files, and some room besides.
 * @param named positions of files that have their name already, and need nothing.
 */
export async function diskNeeded(
  { files }: Plan,
  paths: readonly OutputPaths[],
  named: ReadonlySet<number> = new Set(),
): Promise<number> {
  let needed = overheadBytes
  for (const [index, { size }] of files.entries()) {
    if (named.has(index)) continue
    const allocated = (await partFileExtent(paths[index]?.part ?? ''))?.allocated ?? 0
    needed += Math.max(0, size - allocated)
  }
  return needed
}

/**
 * Refuses to begin what cannot end.
 * @throws MiberaError DISK_TOO_SMALL naming what is needed and what is there.
 */
export async function requireDiskSpace(
  plan: Plan,
  paths: readonly OutputPaths[],
  named?: ReadonlySet<number>,
): Promise<void> {
  const partPath = paths[0]?.part ?? ''
  const needed = await diskNeeded(plan, paths, named)
  const free = await freeSpace(partPath)
  if (free >= needed) return
  throw new MiberaError(
    'DISK_TOO_SMALL',
    `${partPath} needs ${formatBytes(needed)} of disk, only ${formatBytes(free)} are free there`,
    { subject: partPath, hint: 'Free some space, write to another disk with --out, or choose a smaller --type.' },
  )
}

/**
 * Refuses to go on when a source is no longer the file that was planned with.
 * @param reclaimed positions of sources that were deleted on purpose.
 * @throws MiberaError SHARD_CHANGED
 */
export async function requireSameSources(plan: Plan, reclaimed: ReadonlySet<number>): Promise<void> {
  for (const index of plan.sources.keys()) {
    if (!reclaimed.has(index)) await requireSameSource(plan, index)
  }
}

/** @throws MiberaError SHARD_CHANGED */
export async function requireSameSource({ sources }: Plan, index: number): Promise<void> {
  const source = sources[index]
  if (source === undefined) throw new RangeError(`the plan has no source ${index}`)
  const facts = await stat(source.path).catch((cause: unknown) => {
    throw changed(source.name, `it can no longer be read (${(cause as Error).message})`, cause)
  })
  if (facts.size !== source.size) throw changed(source.name, `its size went from ${source.size} to ${facts.size} bytes`)
  if (Math.floor(facts.mtimeMs) !== source.modifiedMs) throw changed(source.name, 'it was written to')
}

function changed(shard: string, how: string, cause?: unknown): MiberaError {
  return new MiberaError('SHARD_CHANGED', `${shard} changed during the conversion: ${how}`, {
    subject: shard,
    hint: 'Let the download finish, then run the command again with --restart.',
    cause,
  })
}
