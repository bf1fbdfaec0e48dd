import { randomBytes } from 'node:crypto'
import { open, rm, stat } from 'node:fs/promises'
import { MiberaError, systemCode } from '../../../base/errors.ts'
import { publish } from '../../../disk/publish.ts'

/** 256 bits: nobody guesses it, however often they may try. */
const tokenBytes = 32

/**
 * Makes a token and writes it into a file that only its owner may read (on POSIX systems). Under the name there is
 * always a whole token: the old one or the new one. A file that is replaced keeps its owner, as far as that is allowed.
 * @throws MiberaError OUTPUT_EXISTS where there is a file that is not to be replaced; and what the system says.
 */
export async function writeNewToken(path: string, { replace }: { readonly replace: boolean }): Promise<void> {
  const former = await stat(path).catch(() => undefined)
  if (former !== undefined && !former.isFile()) {
    throw new MiberaError('USAGE', `${path} is not a file`, { subject: path, hint: 'Name the file for the token.' })
  }
  if (!replace) await reserve(path)
  const unfinished = `${path}.${randomBytes(6).toString('hex')}.part`
  try {
    const file = await open(unfinished, 'wx', 0o600)
    try {
      await file.writeFile(`${randomBytes(tokenBytes).toString('base64url')}\n`)
      if (former !== undefined) await file.chown(former.uid, former.gid).catch(() => {})
      await file.sync()
    } finally {
      await file.close()
    }
    await publish(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    if (!replace) await rm(path, { force: true })
    throw error
  }
}

/** Takes the name, so that of two who make a token at the same time one is refused. */
async function reserve(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close()
  } catch (cause) {
    if (systemCode(cause) !== 'EEXIST') throw cause
    throw new MiberaError('OUTPUT_EXISTS', `${path} exists already`, {
      subject: path,
      hint: 'Add --force to replace its token: workers then need the new one, too.',
      cause,
    })
  }
}
