import { readFile, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { MiberaError } from '../base/errors.ts'
import { openLocalFile } from '../disk/local-file.ts'
import { sourceHeaderDigest } from '../formats/source-header.ts'
import type { PlanSource } from '../plan/plan.ts'

/** A folder of the coordinator, and where this machine sees it. */
export interface PathMap {
  readonly from: string
  readonly to: string
}

/**
 * Refuses maps to what is no folder here: the worker would fetch over the network what it was to read from a drive.
 * @throws MiberaError USAGE
 */
export async function requireMapped(maps: readonly PathMap[]): Promise<void> {
  for (const { from, to } of maps) {
    const facts = await stat(to).catch(() => undefined)
    if (facts?.isDirectory()) continue
    const what = facts === undefined ? 'there is no such folder' : 'that is a file, not a folder'
    throw new MiberaError('USAGE', `--map ${from}=${to} leads nowhere on this machine: ${what}`, {
      subject: '--map',
      hint: 'Connect the shared drive, or leave --map out: what is not seen here comes over HTTP.',
    })
  }
}

/**
 * Where this machine sees a shard: under the coordinator's path for it, or where a map leads. `undefined` unless size,
 * modification time and header are those that were planned with.
 */
export async function shardSeenHere(source: PlanSource, maps: readonly PathMap[]): Promise<string | undefined> {
  for (const path of placesOf(source.path, maps)) {
    if (await isSource(path, source)) return path
  }
  return undefined
}

/** Where this machine sees the folder for results; `undefined` unless the coordinator's file "nonce" is in it. */
export async function spoolSeenHere(
  { folder, nonce }: { readonly folder: string; readonly nonce: string },
  maps: readonly PathMap[],
): Promise<string | undefined> {
  for (const path of placesOf(folder, maps)) {
    const found = await readFile(join(path, 'nonce'), 'utf8').catch(() => undefined)
    if (found?.trim() === nonce) return path
  }
  return undefined
}

/** Paths of this machine that may be what the coordinator calls `path`; what a map says comes first. */
export function placesOf(path: string, maps: readonly PathMap[]): string[] {
  const mapped = maps.flatMap(({ from, to }) => {
    const rest = within(path, from)
    return rest === undefined ? [] : [join(to, ...rest)]
  })
  return isAbsolute(path) ? [...mapped, path] : mapped
}

/** The names that lead from `folder` to `path`. Either may be of a system with other separators than this one's. */
function within(path: string, folder: string): string[] | undefined {
  const names = namesOf(path)
  const outer = namesOf(folder)
  if (names.includes('..') || !outer.every((name, index) => names[index] === name)) return undefined
  return names.slice(outer.length)
}

/** The empty name before a leading separator stays: "/a" is not "a". */
function namesOf(path: string): string[] {
  const separator = /^[a-zA-Z]:|^\\/.test(path) ? /[\\/]/ : '/'
  const names = path.split(separator)
  return names.at(-1) === '' ? names.slice(0, -1) : names
}

async function isSource(path: string, { name, size, modifiedMs, headerSha256 }: PlanSource): Promise<boolean> {
  try {
    const facts = await stat(path)
    if (!facts.isFile() || facts.size !== size || Math.floor(facts.mtimeMs) !== modifiedMs) return false
    const file = await openLocalFile(path)
    try {
      return (await sourceHeaderDigest(file, name)) === headerSha256
    } finally {
      await file.close()
    }
  } catch {
    // Not there, not readable, or not the file that was planned with: its bytes are asked of the coordinator.
    return false
  }
}
