import { createHash } from 'node:crypto'
import type { ByteSource } from '../../disk/byte-source.ts'

/** Bytes hashed at a time. */
const chunkBytes = 1024 * 1024

/** SHA-256 (hex) of all bytes before the first tensor, which begins at `dataStart`. */
export async function ggufHeaderDigest(file: ByteSource, dataStart: number): Promise<string> {
  // Without a tensor the file may end before the alignment.
  const length = Math.min(dataStart, file.size)
  const hash = createHash('sha256')
  const buffer = new Uint8Array(Math.min(length, chunkBytes))
  for (let done = 0; done < length; done += buffer.length) {
    const chunk = buffer.subarray(0, Math.min(buffer.length, length - done))
    await file.read(chunk, done)
    hash.update(chunk)
  }
  return hash.digest('hex')
}
