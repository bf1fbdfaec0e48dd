import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MiberaError } from '../base/errors.ts'

/** A Unix socket's path is cut beyond 104 bytes (macOS) or 108 (Linux), terminating zero included. */
const longestSocketPath = 103

/**
 * Where the daemon of a state directory listens: a socket in that directory or, on Windows, a named pipe called after
 * it. A path too long for a socket is replaced by one in a folder of /tmp that belongs to this user alone.
 */
export function controlAddress(stateDirectory: string): string {
  const directory = resolve(stateDirectory)
  const digest = createHash('sha256').update(directory).digest('hex').slice(0, 24)
  if (process.platform === 'win32') return `\\\\.\\pipe\\mibera-${digest}`
  const socket = join(directory, 'control.sock')
  return Buffer.byteLength(socket) <= longestSocketPath ? socket : join(shortFolder(), `${digest}.sock`)
}

/** Whether it can be seen, without asking, that no daemon listens there. A pipe of Windows cannot be looked at. */
export function isUnused(address: string): boolean {
  return process.platform !== 'win32' && !existsSync(address)
}

function shortFolder(): string {
  return `/tmp/mibera-${process.getuid?.() ?? 0}`
}

/**
 * Makes the folder of {@link controlAddress} where that is not the state directory.
 * @throws MiberaError IO when somebody else has put something there: anyone may write in /tmp.
 */
export function prepareControlFolder(address: string): void {
  if (process.platform === 'win32' || !address.startsWith(`${shortFolder()}/`)) return
  mkdirSync(shortFolder(), { recursive: true, mode: 0o700 })
  const { mode, uid } = lstatSync(shortFolder())
  if (uid === process.getuid?.() && (mode & 0o170077) === 0o040000) return
  throw new MiberaError('IO', `${shortFolder()} is not a folder of this user alone`, {
    subject: shortFolder(),
    hint: 'Remove it, or name a --state-dir with a shorter path.',
  })
}
