import { createHash } from 'node:crypto'
import type { ByteSource } from '../../disk/byte-source.ts'

const bytesAtATime = 2 ** 20

/** SHA-256 (hex) of all bytes of a source. */
export async function digestOf(source: ByteSource): Promise<string> {
  const hash = createHash('sha256')
  const buffer = Buffer.alloc(Math.min(bytesAtATime, source.size))
  for (let position = 0; position < source.size; position += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, source.size - position))
    await source.read(piece, position)
    hash.update(piece)
  }
  return hash.digest('hex')
}
