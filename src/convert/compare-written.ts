import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { MiberaError } from '../base/errors.ts'
import type { Kernels } from '../quant/kernels.ts'
import { isAsWritten } from './block-checksum.ts'
import type { BufferShelf } from './buffer-shelf.ts'
import type { ReadBackJob, ReadBackResult } from './protocol.ts'

/** Where slices are read to: buffers for blocks in the memory of the kernels. */
export interface ReadBackRoom {
  readonly kernels: Kernels
  readonly buffers: BufferShelf
}

/**
 * Reads consecutive slices of a file and compares each with what was noted of it before it was written. A buffer is held
 * for one slice at a time: other jobs of the thread read meanwhile, or write.
 * @throws MiberaError VERIFICATION_FAILED when the file ends before they do.
 */
export async function compareWritten(
  { offset, slices, digest }: ReadBackJob,
  file: FileHandle,
  { kernels, buffers }: ReadBackRoom,
): Promise<ReadBackResult> {
  const hash = digest ? createHash('sha256') : undefined
  const damaged: number[] = []
  let position = offset
  for (const [index, { byteLength, checksum }] of slices.entries()) {
    const at = await buffers.take()
    try {
      const bytes = new Uint8Array(kernels.memory.buffer, at, byteLength)
      await readFully(file, bytes, position)
      if (!isAsWritten(checksum, kernels, at, byteLength)) damaged.push(index)
      hash?.update(bytes)
    } finally {
      buffers.give(at)
    }
    position += byteLength
  }
  return { damaged, sha256: hash?.digest() }
}

async function readFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done)
    if (bytesRead === 0) throw new MiberaError('VERIFICATION_FAILED', `the output ends at byte ${position + done}`)
    done += bytesRead
  }
}
