import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readdir, rm, rmdir, writeFile } from 'node:fs/promises'
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

  /** @param part absolute path of the file being filled. */
  constructor(part: string) {
    this.folder = `${part}.results`
  }

  /** Makes the folder, without what an earlier run left there. */
  async make(): Promise<void> {
    await mkdir(this.folder, { recursive: true })
    await this.#clear()
    await writeFile(join(this.folder, nonceName), this.nonce)
  }

  /** Deletes what workers left there, and the folder if nothing else is in it. */
  async remove(): Promise<void> {
    await this.#clear()
    await rm(join(this.folder, nonceName), { force: true })
    await rmdir(this.folder).catch(() => {})
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

  async #clear(): Promise<void> {
    const names = await readdir(this.folder).catch(() => [])
    await Promise.all(names.filter((name) => ownName.test(name)).map((name) => this.discard(join(this.folder, name))))
  }
}
