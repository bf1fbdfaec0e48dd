import { type FileHandle, open } from 'node:fs/promises'
import { writeFully, writeFullyNow } from '../disk/write-fully.ts'
import { CopyPace } from './copy-pace.ts'
import type { MadeSlice, QuantizeTarget } from './protocol.ts'

/** Where the blocks of finished slices go: the files of the output themselves, or the machine that has them. */
export interface BlockSink {
  /**
   * Returns when the slice is out of this thread's hands. `blocks` lies in WebAssembly memory, which is used again
   * then.
   */
  put(target: QuantizeTarget, blocks: Uint8Array<ArrayBuffer>, made: MadeSlice): Promise<void>
}

/**
 * The files of the output on a disk of this machine: blocks are written at the offset that the plan promises them. As
 * long as they go no further than to the system's cache, by this thread, which has them in its own: 2 % of a conversion.
 */
export class FileSink implements BlockSink {
  readonly #paths: readonly string[]
  readonly #files = new Map<number, Promise<FileHandle>>()
  readonly #pace = new CopyPace()

  /** @param paths numbered as in `Plan.files`. Each is opened when it is needed first. */
  constructor(paths: readonly string[]) {
    this.#paths = paths
  }

  /** For reading back what was written. */
  file(index: number): Promise<FileHandle> {
    const known = this.#files.get(index)
    if (known !== undefined) return known
    const opened = open(this.#paths[index] ?? '', 'r+')
    this.#files.set(index, opened)
    return opened
  }

  async put({ file, offset }: Pick<QuantizeTarget, 'file' | 'offset'>, blocks: Uint8Array): Promise<void> {
    const handle = await this.file(file)
    if (!this.#pace.isCopying()) return writeFully(handle, blocks, offset)
    const begun = performance.now()
    writeFullyNow(handle, blocks, offset)
    // What goes into the cache touches no disk, until there is no more room there: then it is waited for.
    this.#pace.tell({ bytes: blocks.length, milliseconds: performance.now() - begun, ofDisk: false })
  }
}
