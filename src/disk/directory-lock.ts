import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { MiberaError, systemCode } from '../base/errors.ts'
import { Database } from './sqlite.ts'

/** Held by at most one living process for each directory. */
export interface DirectoryLock {
  /** Safe to call twice. */
  release(): void
}

/**
 * Takes the lock of a directory, creating the directory if needed.
 *
 * The lock is a write transaction on a small SQLite file, that is, a lock of the operating system: it ends with the
 * process however that dies, so there are no stale locks to guess about. A text file beside it says who holds it.
 *
 * @throws MiberaError STATE_IN_USE when another process holds it.
 */
export function lockDirectory(directory: string): DirectoryLock {
  mkdirSync(directory, { recursive: true })
  const ownerFile = join(directory, 'lock.owner')
  const database = new Database(join(directory, 'lock'), { timeout: 0 })
  try {
    database.exec('BEGIN IMMEDIATE')
  } catch (cause) {
    database.close()
    if (systemCode(cause) !== 'SQLITE_BUSY') throw cause
    const owner = readOwner(ownerFile)
    throw new MiberaError('STATE_IN_USE', `the state directory ${directory} is in use${owner}`, {
      subject: directory,
      hint: 'Wait until it has finished, stop it, or give this run its own --state-dir.',
      cause,
    })
  }
  writeFileSync(ownerFile, `process ${process.pid} on ${hostname()}\n`)
  let held = true
  return {
    release() {
      if (!held) return
      held = false
      rmSync(ownerFile, { force: true })
      database.close()
    },
  }
}

function readOwner(file: string): string {
  try {
    return ` by ${readFileSync(file, 'utf8').trim()}`
  } catch {
    return ' by another process'
  }
}
