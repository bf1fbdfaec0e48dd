import { type FileHandle, open, stat } from 'node:fs/promises'
import { MiberaError, systemCode } from '../base/errors.ts'
import { writeFully } from './write-fully.ts'

/**
 * The unfinished output: created at its full length with its header, then filled at fixed offsets by other threads,
 * which open it by path. After the first failed sync it stays broken: an operating system may have dropped the dirty
 * pages, so a later sync that succeeds would prove nothing.
 */
export class PartFile {
  readonly path: string
  readonly #handle: FileHandle
  #broken: unknown

  private constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  /** Creates (or empties) the file, reserves `size` bytes, and makes `header` durable at its start. */
  static async create(path: string, size: number, header: Uint8Array): Promise<PartFile> {
    const handle = await open(path, 'w+')
    try {
      await handle.truncate(size)
      await handle.writeFile(header)
      await handle.sync()
    } catch (error) {
      await handle.close()
      throw error
    }
    return new PartFile(path, handle)
  }

  static async openExisting(path: string): Promise<PartFile> {
    return new PartFile(path, await open(path, 'r+'))
  }

  /** Writes at a byte position; durable only after the next {@link sync}. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    await writeFully(this.#handle, bytes, position)
  }

  /** Returns when all that was written before the call, by any thread, is durable. */
  async sync(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken
    try {
      await this.#handle.datasync()
    } catch (error) {
      this.#broken = error
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

/** Length of the file and the disk space that it occupies, or `undefined` when there is none. */
export async function partFileExtent(path: string): Promise<{ size: number; allocated: number } | undefined> {
  try {
    const { size, blocks } = await stat(path)
    // `blocks` counts units of 512 bytes; Windows reports none, and reserves what a file's length says.
    return { size, allocated: process.platform === 'win32' ? size : blocks * 512 }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Turns "no space left" into the error that a person can act on; other errors pass unchanged. */
export function explainDiskFull(error: unknown, path: string): unknown {
  const code = systemCode(error)
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error
  return new MiberaError('DISK_FULL', `the disk filled up while writing ${path}`, {
    subject: path,
    hint: 'Free some space and run the same command again: it goes on where it stopped.',
    cause: error,
  })
}
