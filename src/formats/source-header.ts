import type { LocalFile } from '../disk/local-file.ts'
import { magic } from './gguf/format.ts'
import { ggufHeaderDigest } from './gguf/header-digest.ts'
import { readGguf } from './gguf/reader.ts'
import { readShardHeader } from './safetensors/header.ts'

/**
 * The header's digest of a source file of either kind, as `SourceFile.headerSha256` has it.
 * @param name for messages.
 * @throws MiberaError for a header that is not lawful.
 */
export async function sourceHeaderDigest(file: LocalFile, name: string): Promise<string> {
  if (!(await isGguf(file))) return (await readShardHeader(file, name)).sha256
  return ggufHeaderDigest(file, (await readGguf(file)).dataStart)
}

async function isGguf(file: LocalFile): Promise<boolean> {
  if (file.size < 4) return false
  const first = Buffer.alloc(4)
  await file.read(first, 0)
  return first.readUInt32LE() === magic
}
