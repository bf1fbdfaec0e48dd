import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { systemCode } from '../../base/errors.ts'
import { unfinishedName } from './unfinished-name.ts'

/** A file that is there only while a download is under way, or was left behind by one that was broken off. */
export interface Companion {
  readonly path: string
  /** For a person: relative to the model folder or to the cache. */
  readonly name: string
  /** Name inside the model folder of the file that is being downloaded, where the companion's name tells it. */
  readonly target: string | undefined
  /** Whether it holds the bytes that have come so far. */
  readonly holdsData: boolean
}

/**
 * All companions of a model folder: in the folder itself, in `.cache/huggingface/download` inside it, and, where the
 * folder is a snapshot of a Hugging Face cache, among the cache's blobs and locks.
 *
 * @param folder symbolic links resolved
 * @param names what the folder holds
 */
export async function findCompanions(folder: string, names: readonly string[]): Promise<Companion[]> {
  const beside = names.flatMap((name) => {
    const unfinished = unfinishedName(name)
    return unfinished === undefined ? [] : [{ path: join(folder, name), name, ...unfinished }]
  })
  const localDownloads = names.includes('.cache') ? await inLocalDownload(folder) : []
  const entry = cacheEntryOf(folder)
  const inCache = entry === undefined ? [] : await inCacheEntry(folder, entry)
  return [...beside, ...localDownloads, ...inCache]
}

/** The `models--NAME` folder that a snapshot of a Hugging Face cache belongs to. */
export function cacheEntryOf(folder: string): string | undefined {
  const snapshots = dirname(folder)
  const entry = dirname(snapshots)
  return basename(snapshots) === 'snapshots' && basename(entry).startsWith('models--') ? entry : undefined
}

/**
 * `hf download --local-dir`. Its lock files are not removed on Linux and macOS: one means something only until the file
 * that it guards has come, of which NAME.metadata tells even when the file has been deleted since.
 */
async function inLocalDownload(folder: string): Promise<Companion[]> {
  const downloads = join(folder, '.cache', 'huggingface', 'download')
  const names = await listIfThere(downloads, { recursive: true })
  const arrived = new Set([...names, ...(await listIfThere(folder)).map((name) => `${name}.metadata`)])
  return names.flatMap((name): Companion[] => {
    const companion = { path: join(downloads, name), name: join('.cache', 'huggingface', 'download', name) }
    if (name.endsWith('.incomplete')) return [{ ...companion, target: undefined, holdsData: true }]
    if (!name.endsWith('.lock')) return []
    const target = name.slice(0, -'.lock'.length)
    return arrived.has(`${target}.metadata`) ? [] : [{ ...companion, target, holdsData: false }]
  })
}

/** As above, a lock means something only while its blob is not there. */
async function inCacheEntry(folder: string, entry: string): Promise<Companion[]> {
  const blobs = await listIfThere(join(entry, 'blobs'))
  const unfinished = blobs.filter((name) => name.endsWith('.incomplete'))
  const companions: Companion[] = unfinished.map((name) => ({
    path: join(entry, 'blobs', name),
    name: join('blobs', name),
    target: undefined,
    holdsData: true,
  }))
  const locks = join(dirname(entry), '.locks', basename(entry))
  // Where links are not possible the blobs are moved into the snapshot, so their absence tells nothing.
  const linked = blobs.length > unfinished.length || (await listIfThere(folder)).length === 0
  for (const name of linked ? await listIfThere(locks) : []) {
    const blob = name.slice(0, -'.lock'.length)
    if (!name.endsWith('.lock') || blobs.some((other) => other === blob || other.startsWith(`${blob}.`))) continue
    companions.push({ path: join(locks, name), name: join('.locks', name), target: undefined, holdsData: false })
  }
  return companions
}

async function listIfThere(folder: string, options: { recursive?: boolean } = {}): Promise<string[]> {
  try {
    return await readdir(folder, { ...options, encoding: 'utf8' })
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return []
    throw error
  }
}
