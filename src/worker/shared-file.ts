import type { ByteSource } from '../disk/byte-source.ts'
import { type LocalFile, openLocalFile } from '../disk/local-file.ts'

/**
 * A source that this machine sees itself. Opened when it is first read: a source that was deleted because the output
 * holds all of it is not read any more.
 */
export class SharedFile implements ByteSource {
  readonly name: string
  readonly size: number
  #file: Promise<LocalFile> | undefined

  constructor(path: string, size: number) {
    this.name = path
    this.size = size
  }

  async read(target: Uint8Array, position: number): Promise<void> {
    this.#file ??= openLocalFile(this.name)
    await (await this.#file).read(target, position)
  }

  async close(): Promise<void> {
    await (await this.#file)?.close()
  }
}
