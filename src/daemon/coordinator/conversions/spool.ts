import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SliceId } from '../../../convert/slice-id.ts'

const nonceName = 'nonce'
/** Names that {@link Spool.pathOf} gives. Nothing else in the folder is touched. */
const ownName = /^\d+-\d+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.blocks$/
// No link is followed and no pipe waited for. Windows has neither flag; links need rights there that workers lack.
const plainFile = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/** The folder beside an output in which workers that see it leave finished slices. */
export class Spool {
  readonly folder: string
  /** What a worker must read in the folder to know that it sees the same one. */
  readonly nonce = randomBytes(24).toString('hex')
  readonly #aside: string

  /** @param part absolute path of the file being filled. */
  constructor(part: string) {
    this.folder = `${part}.results`
    this.#aside = `${this.folder}.removed`
  }

  /** Makes the folder, without what an earlier run left there. */
  async make(): Promise<void> {
    await mkdir(this.folder, { recursive: true })
    await this.#clear(this.folder)
    await this.#clear(this.#aside)
    await rmdir(this.#aside).catch(() => {})
    await writeFile(join(this.folder, nonceName), this.nonce)
  }

  /**
   * Deletes what workers left there, and the folder if nothing else is in it. It is moved aside first: a worker that has
   * not heard of the end could otherwise leave something between the emptying and the removal.
   */
  async remove(): Promise<void> {
    await rm(join(this.folder, nonceName), { force: true })
    await this.#clear(this.folder)
    // Windows moves no folder in which a file is open: then it is removed where it is, if that goes.
    const moved = await rename(this.folder, this.#aside).then(
      () => this.#aside,
      () => this.folder,
    )
    await this.#clear(moved)
    const empty = await rmdir(moved).then(
      () => true,
      () => false,
    )
    // Somebody's own files stay where they were put.
    if (!empty && moved === this.#aside) await rename(this.#aside, this.folder).catch(() => {})
  }

  /** @param worker as the registry knows it: a UUID, nothing from a request. */
  pathOf({ tensor, slice }: SliceId, worker: string): string {
    return join(this.folder, `${tensor}-${slice}-${worker}.blocks`)
  }

  /** Fills `target` from a finished slice, if there is a plain file of its length. */
  async read(path: string, target: Uint8Array): Promise<'read' | 'missing' | 'other-length'> {
    const file = await open(path, constants.O_RDONLY | plainFile).catch(() => undefined)
    if (file === undefined) return 'missing'
    try {
      const stats = await file.stat()
      if (!stats.isFile()) return 'missing'
      if (stats.size !== target.length) return 'other-length'
      for (let done = 0; done < target.length; ) {
        const { bytesRead } = await file.read(target, done, target.length - done, done)
        if (bytesRead === 0) return 'other-length'
        done += bytesRead
      }
      return 'read'
    } finally {
      await file.close()
    }
  }

  async discard(path: string): Promise<void> {
    await rm(path, { force: true }).catch(() => {})
  }

  async #clear(folder: string): Promise<void> {
    const names = await readdir(folder).catch(() => [])
    await Promise.all(names.filter((name) => ownName.test(name)).map((name) => this.discard(join(folder, name))))
  }
}
