import { readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { MiberaError, systemCode } from '../../base/errors.ts'
import { quote } from '../../base/quote.ts'
import { nearPath } from '../../disk/near-path.ts'
import { isMemberName } from './folder-member.ts'

/**
 * The folder that holds the model's files, symbolic links resolved: the one given or, for `models--NAME` of a Hugging
 * Face cache, the snapshot of its `main` branch.
 * @throws MiberaError MODEL_FOLDER_MISSING or IO.
 */
export async function locateFolder(given: string): Promise<string> {
  const folder = await resolveFolder(given)
  if (!basename(folder).startsWith('models--')) return folder
  const revision = await readMainRevision(folder)
  return revision === undefined ? folder : await resolveFolder(join(folder, 'snapshots', revision))
}

async function resolveFolder(path: string): Promise<string> {
  try {
    const folder = await realpath(path)
    if ((await stat(folder)).isDirectory()) return folder
  } catch (cause) {
    if (!isMissing(cause)) throw unreadable(path, cause)
    throw missing(path, `there is no folder ${path}`, `${await nearPath(path)}Check the path.`, cause)
  }
  throw missing(path, `${path} is a file, not a folder`, `Give the folder that holds it: ${dirname(path)}`)
}

async function readMainRevision(cacheEntry: string): Promise<string | undefined> {
  const path = join(cacheEntry, 'refs', 'main')
  let revision: string
  try {
    revision = (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw unreadable(path, cause)
  }
  if (isMemberName(revision)) return revision
  throw new MiberaError('PATH_ESCAPES_FOLDER', `${path} names the revision ${quote(revision)}`, {
    subject: path,
    hint: 'Give the folder of the revision you want, inside "snapshots".',
  })
}

function isMissing(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function missing(path: string, message: string, hint: string, cause?: unknown): MiberaError {
  return new MiberaError('MODEL_FOLDER_MISSING', message, { subject: path, hint, cause })
}

function unreadable(path: string, cause: unknown): MiberaError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new MiberaError('IO', `cannot read ${path}: ${reason}`, {
    subject: path,
    hint: 'Check that you may read the folder and that its disk is connected.',
    cause,
  })
}
