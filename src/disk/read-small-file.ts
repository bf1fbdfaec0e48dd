import { MiberaError } from '../base/errors.ts'
import { openIfThere } from './local-file.ts'

/**
 * All bytes of a small file as it was at one moment; `undefined` if there is none. Node's own readFile takes what one
 * read gives for the whole of a small file: here a part of a file is never taken for the file.
 *
 * @param most bytes that it may have.
 * @param tooLarge what is thrown beyond that.
 * @throws MiberaError IO if it cannot be read, or is written to meanwhile; SHARD_TRUNCATED if it becomes shorter.
 */
export async function readSmallFile(
  path: string,
  most: number,
  tooLarge: (bytes: number) => MiberaError,
): Promise<Uint8Array | undefined> {
  const file = await openIfThere(path)
  if (file === undefined) return undefined
  try {
    if (file.size > most) throw tooLarge(file.size)
    const bytes = new Uint8Array(file.size)
    await file.read(bytes, 0)
    if (await file.isAsOpened()) return bytes
    throw new MiberaError('IO', `${path} was written to while it was read`, {
      subject: path,
      hint: 'Let the download finish, then try again.',
    })
  } finally {
    await file.close()
  }
}
