import type { ByteSource } from '../../disk/byte-source.ts'
import { magic } from '../gguf/format.ts'
import { digestOf } from './digest-of.ts'
import { readGgufImatrix } from './gguf-imatrix.ts'
import type { Imatrix } from './imatrix.ts'
import { malformed } from './imatrix-errors.ts'
import { readLegacyImatrix } from './legacy-imatrix.ts'
import { maxImatrixBytes } from './limits.ts'

/**
 * Reads an importance matrix, in today's form (a GGUF) or in that of before July 2025 (".dat").
 * @throws MiberaError IMATRIX_MALFORMED, GGUF_MALFORMED
 */
export async function readImatrix(source: ByteSource): Promise<Imatrix> {
  if (source.size > maxImatrixBytes) {
    throw malformed(source, `it has ${source.size} bytes, the limit is ${maxImatrixBytes}`)
  }
  const read = (await beginsAsGguf(source)) ? readGgufImatrix : readLegacyImatrix
  const contents = await read(source)
  return { ...contents, sha256: await digestOf(source) }
}

async function beginsAsGguf(source: ByteSource): Promise<boolean> {
  if (source.size < 4) throw malformed(source, `it has ${source.size} bytes`)
  const start = Buffer.alloc(4)
  await source.read(start, 0)
  return start.readUInt32LE() === magic
}
