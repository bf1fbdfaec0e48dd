import { realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { MiberaError, systemCode } from '../../base/errors.ts'
import { quote } from '../../base/quote.ts'

/**
 * Whether `name` can only mean a file directly inside a folder, on every operating system: no separator, no drive
 * letter or NTFS stream (":"), no NUL, not "." or "..".
 */
export function isMemberName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\:\0]/.test(name)
}

/**
 * The path of the folder's file `name` with symbolic links resolved, or `undefined` where there is none (or only a
 * link to nothing, as while a download is under way). A link may lead to a file inside the folder or to a blob of a
 * Hugging Face cache, which is how that cache and older "local folder" downloads are made; nowhere else.
 *
 * @param folder path of the folder, itself without symbolic links
 * @throws MiberaError PATH_ESCAPES_FOLDER or IO.
 */
export async function resolveMember(folder: string, name: string): Promise<string | undefined> {
  if (!isMemberName(name)) {
    throw escapes(folder, `${quote(name)} is not the name of a file in ${folder}`)
  }
  const path = join(folder, name)
  const target = await resolveLinks(path)
  if (target === undefined || isInside(folder, target) || isCacheBlob(target)) return target
  throw escapes(path, `${path} is a link that leads out of the folder, to ${target}`)
}

async function resolveLinks(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw new MiberaError('IO', `cannot resolve ${path}: ${(cause as Error).message}`, {
      subject: path,
      hint: 'Check that the file may be read and that no link leads back to itself.',
      cause,
    })
  }
}

function isInside(folder: string, path: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

/** …/models--ORGANISATION--NAME/blobs/HASH, where HASH is a git object id or a SHA-256. */
function isCacheBlob(path: string): boolean {
  const blobs = dirname(path)
  const isHash = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(basename(path))
  return isHash && basename(blobs) === 'blobs' && basename(dirname(blobs)).startsWith('models--')
}

function escapes(subject: string, message: string): MiberaError {
  return new MiberaError('PATH_ESCAPES_FOLDER', message, {
    subject,
    hint: 'If you trust it, put the files themselves, or hard links to them, into the folder.',
  })
}
