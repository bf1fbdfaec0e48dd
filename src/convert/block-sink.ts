import { type FileHandle, open } from 'node:fs/promises'
import { writeFully } from '../disk/write-fully.ts'
import type { MadeSlice, QuantizeJob } from './protocol.ts'

/** Where the blocks of finished slices go: the output file itself, or the machine that has it. */
export interface BlockSink {
  /**
   * Returns when the slice is out of this thread's hands. `blocks` lies in WebAssembly memory, which is used again
   * then.
   */
  put(job: QuantizeJob, blocks: Uint8Array<ArrayBuffer>, made: MadeSlice): Promise<void>
}

/** The output file on a disk of this machine: blocks are written at the offset that the plan promises them. */
export class FileSink implements BlockSink {
  readonly #file: FileHandle

  private constructor(file: FileHandle) {
    this.#file = file
  }

  static async open(path: string): Promise<FileSink> {
    return new FileSink(await open(path, 'r+'))
  }

  /** For reading back what was written. */
  get file(): FileHandle {
    return this.#file
  }

  async put({ offset }: QuantizeJob, blocks: Uint8Array): Promise<void> {
    await writeFully(this.#file, blocks, offset)
  }
}
