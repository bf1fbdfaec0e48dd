import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { MiberaError, systemCode } from '../../base/errors.ts'
import { explainSystemError } from '../../base/system-error.ts'
import { locateFolder } from '../../formats/safetensors/locate-folder.ts'
import { findCompanions } from './companions.ts'
import { unfinishedName } from './unfinished-name.ts'

/** How deep below a root model folders are looked for; a Hugging Face cache needs 3. */
export const maxDepth = 6

/** A single file, an index, or a numbered shard: nothing but a model is called like this. */
const modelFile = /^model\.safetensors(?:\.index\.json)?$|-\d{5}-of-\d{5}\.safetensors$/

/**
 * The model folders under a root, the root included, finished or not; of a Hugging Face cache entry, the snapshot of
 * its main branch. Sub-folders that cannot be read are passed over.
 *
 * @returns absolute paths that begin with the root as given; a folder reached through several links is listed once
 * @throws MiberaError MODEL_FOLDER_MISSING or IO when the root itself cannot be listed.
 */
export async function findModelFolders(root: string): Promise<string[]> {
  const found: string[] = []
  const visited = new Set<string>()

  async function visit(folder: string, depth: number): Promise<void> {
    const real = await realpath(folder)
    if (visited.has(real)) return
    visited.add(real)
    if (basename(real).startsWith('models--')) return void found.push(...(await mainSnapshot(folder)))
    const entries = await readdir(folder, { withFileTypes: true })
    if (await looksLikeModel(folder, entries)) found.push(folder)
    if (depth === maxDepth) return
    for (const entry of entries) {
      if (!isPassedOver(entry.name) && (await leadsToFolder(folder, entry))) {
        await visit(join(folder, entry.name), depth + 1).catch(ignoreSystemError)
      }
    }
  }

  try {
    await visit(resolve(root), 0)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') await locateFolder(root)
    throw explainSystemError(error)
  }
  return found
}

/** Folders in which nobody keeps models. */
export function isPassedOver(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules' || name === '__pycache__'
}

async function looksLikeModel(folder: string, entries: readonly Dirent[]): Promise<boolean> {
  const names = entries.map(({ name }) => name)
  const finished = names.map((name) => unfinishedName(name)?.target ?? name)
  if (finished.some((name) => modelFile.test(name))) return true
  if (!names.includes('config.json')) return false
  if (finished.some((name) => name.endsWith('.safetensors'))) return true
  return (await findCompanions(folder, names)).length > 0
}

/** Nothing where the main branch has no snapshot yet. */
async function mainSnapshot(entry: string): Promise<string[]> {
  try {
    const folder = await locateFolder(entry)
    const snapshots = join(entry, 'snapshots')
    if (folder !== (await realpath(entry))) return [join(snapshots, basename(folder))]
    return (await readdir(snapshots)).map((revision) => join(snapshots, revision))
  } catch (error) {
    if (error instanceof MiberaError) return []
    return ignoreSystemError(error) ?? []
  }
}

async function leadsToFolder(folder: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  try {
    return (await stat(join(folder, entry.name))).isDirectory()
  } catch {
    return false
  }
}

function ignoreSystemError(error: unknown): undefined {
  if (!(explainSystemError(error) instanceof MiberaError)) throw error
}
