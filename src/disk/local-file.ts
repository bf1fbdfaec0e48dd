import { fstatSync, readSync } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { MiberaError, systemCode } from '../base/errors.ts'
import type { ByteSource } from './byte-source.ts'
import { nearPath } from './near-path.ts'

/** Most bytes asked of the system at once: Node refuses 2^31 and more. */
const maxReadBytes = 2 ** 30

/** A local file opened for reading. `size` and `modifiedMs` are those at the moment of opening. */
export class LocalFile implements ByteSource {
  readonly name: string
  readonly size: number
  /** Whole milliseconds since the epoch. */
  readonly modifiedMs: number
  readonly #file: FileHandle

  constructor(name: string, file: FileHandle, facts: { readonly size: number; readonly mtimeMs: number }) {
    this.name = name
    this.size = facts.size
    this.modifiedMs = Math.floor(facts.mtimeMs)
    this.#file = file
  }

  async read(target: Uint8Array, position: number): Promise<void> {
    let filled = 0
    while (filled < target.byteLength) {
      const length = Math.min(target.byteLength - filled, maxReadBytes)
      const { bytesRead } = await this.#readSome(target, filled, length, position + filled)
      if (bytesRead === 0) throw endedEarly(this.name, (await this.#file.stat()).size, position, target.byteLength)
      filled += bytesRead
    }
  }

  readNow(target: Uint8Array, position: number): void {
    let filled = 0
    while (filled < target.byteLength) {
      const length = Math.min(target.byteLength - filled, maxReadBytes)
      const bytesRead = this.#readSomeNow(target, filled, length, position + filled)
      if (bytesRead === 0) throw endedEarly(this.name, fstatSync(this.#file.fd).size, position, target.byteLength)
      filled += bytesRead
    }
  }

  /** Whether its size and modification time are still those at the moment of opening. */
  async isAsOpened(): Promise<boolean> {
    const { size, mtimeMs } = await this.#file.stat()
    return size === this.size && Math.floor(mtimeMs) === this.modifiedMs
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    await this.#file.close()
  }

  async #readSome(target: Uint8Array, offset: number, length: number, position: number) {
    try {
      return await this.#file.read(target, offset, length, position)
    } catch (cause) {
      throw ioError('read', this.name, cause)
    }
  }

  #readSomeNow(target: Uint8Array, offset: number, length: number, position: number): number {
    try {
      return readSync(this.#file.fd, target, offset, length, position)
    } catch (cause) {
      throw ioError('read', this.name, cause)
    }
  }
}

/**
 * Opens a regular file for reading.
 * @throws MiberaError IO when there is no such file, it is no regular file, or it may not be read.
 */
export async function openLocalFile(path: string): Promise<LocalFile> {
  const file = await openIfThere(path)
  if (file !== undefined) return file
  const hint = `${await nearPath(path)}Check the path, and that its disk is connected.`
  throw new MiberaError('IO', `there is no file ${path}`, { subject: path, hint })
}

/**
 * Opens a regular file for reading; `undefined` if there is none.
 * @throws MiberaError IO when it is no regular file, or may not be read.
 */
export async function openIfThere(path: string): Promise<LocalFile | undefined> {
  try {
    // Before opening: the opening of a named pipe would wait for a writer.
    if (!(await stat(path)).isFile()) throw new Error('it is not a regular file')
    const file = await open(path, 'r')
    try {
      return new LocalFile(path, file, await file.stat())
    } catch (error) {
      await file.close()
      throw error
    }
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw ioError('open', path, cause)
  }
}

function ioError(doing: string, path: string, cause: unknown): MiberaError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new MiberaError('IO', `cannot ${doing} ${path}: ${reason}`, {
    subject: path,
    hint: 'Check that the file exists, that you may read it, and that its disk is connected and sound.',
    cause,
  })
}

function endedEarly(path: string, size: number, position: number, wanted: number): MiberaError {
  const message = `${path} ends at byte ${size}; bytes ${position} to ${position + wanted} were to be read`
  return new MiberaError('SHARD_TRUNCATED', message, {
    subject: path,
    hint: 'The file is incomplete, or something shortens it at this moment: let the download finish, then try again.',
  })
}
