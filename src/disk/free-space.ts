import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Bytes that this user may still write in the folder of `path`, or in its nearest ancestor that exists. */
export async function freeSpace(path: string): Promise<number> {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = await statfs(folder)
      return bavail * bsize
    } catch (error) {
      if (dirname(folder) === folder) throw error
    }
  }
}
