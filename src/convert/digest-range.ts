import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { MiberaError } from '../base/errors.ts'
import type { DigestJob, DigestResult } from './protocol.ts'

/** Bytes read at a time: they are digested twice, the second time from a cache. */
const chunkBytes = 512 * 1024

/** Reads consecutive pieces of a file of the output and takes the SHA-256 of each and of all. */
export async function digestRange(file: FileHandle, { offset, lengths }: DigestJob): Promise<DigestResult> {
  const whole = createHash('sha256')
  const buffer = new Uint8Array(chunkBytes)
  const pieces: Uint8Array[] = []
  let position = offset
  for (const length of lengths) {
    const piece = createHash('sha256')
    for (const end = position + length; position < end; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - position), position)
      if (bytesRead === 0) throw new MiberaError('VERIFICATION_FAILED', `the output ends at byte ${position}`)
      const bytes = buffer.subarray(0, bytesRead)
      piece.update(bytes)
      // A single piece is the whole: hash it once.
      if (lengths.length > 1) whole.update(bytes)
      position += bytesRead
    }
    pieces.push(piece.digest())
  }
  return { pieces, whole: pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : whole.digest() }
}
