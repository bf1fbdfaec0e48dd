import { createHash } from 'node:crypto'
import type { ByteSource } from '../../disk/byte-source.ts'
import { checkDataLaws, type ShardTensor } from './data-laws.ts'
import { type DeclaredTensor, parseHeader } from './header-syntax.ts'
import { JsonError } from './json-cursor.ts'
import { type ShardAtFault, shardError } from './shard-errors.ts'

/** Longest header, in bytes: the limit of the safetensors library itself. */
export const maxHeaderBytes = 100_000_000

/** A shard begins with the header's length: 64 bits, little endian. */
const lengthBytes = 8

/** How a Git LFS pointer begins, which stands in place of the file in a clone without LFS. */
const lfsPointer = 'version https://git-lfs'

export interface ShardHeader {
  /** In the header's order. */
  readonly tensors: readonly ShardTensor[]
  /** SHA-256 (hex) of the eight length bytes and the header. */
  readonly sha256: string
}

/** What the header of a shard promises of the file, however much of it is there yet. */
export interface ShardPromise {
  /** Length of the whole file. */
  readonly size: number
  /** In the header's order; their bytes need not be there. */
  readonly tensors: readonly ShardTensor[]
}

/**
 * Reads the header of a shard that may still be growing, and checks all its laws except the length of the file.
 *
 * @throws MiberaError SHARD_TRUNCATED while the header itself is not all there, SHARD_MALFORMED or DTYPE_UNSUPPORTED.
 */
export async function readShardPromise(source: ByteSource, shardName: string): Promise<ShardPromise> {
  const shard = { name: shardName, path: source.name }
  const bytes = await readHeaderBytes(source, shard)
  const declared = parse(decode(bytes.subarray(lengthBytes), shard), shard)
  const size = declared.reduce((end, tensor) => Math.max(end, tensor.end), 0) + bytes.length
  return { size, tensors: checkDataLaws(declared, bytes.length, size, shard) }
}

/**
 * Reads the header of a safetensors file, and no more, and checks all laws of the format.
 *
 * @param shardName how messages call the file
 * @throws MiberaError SHARD_MALFORMED, SHARD_TRUNCATED, SHARD_TOO_LONG or DTYPE_UNSUPPORTED.
 * Source: https://huggingface.co/docs/safetensors, "Format", and `Metadata::validate` of the Rust library.
 */
export async function readShardHeader(source: ByteSource, shardName: string): Promise<ShardHeader> {
  const shard = { name: shardName, path: source.name }
  const bytes = await readHeaderBytes(source, shard)
  const declared = parse(decode(bytes.subarray(lengthBytes), shard), shard)
  return {
    tensors: checkDataLaws(declared, bytes.length, source.size, shard),
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }
}

/** The length bytes and the header. */
async function readHeaderBytes(source: ByteSource, shard: ShardAtFault): Promise<Uint8Array> {
  if (source.size < lengthBytes) {
    throw shardError('SHARD_TRUNCATED', shard, `is cut short: ${source.size} bytes, not even the header's length`)
  }
  const start = new Uint8Array(Math.min(source.size, lfsPointer.length))
  await source.read(start, 0)
  if (Buffer.from(start).toString('latin1') === lfsPointer) throw isPointer(shard)
  const length = new DataView(start.buffer).getBigUint64(0, true)
  if (length > maxHeaderBytes) {
    const what = `is malformed: its header would have ${length} bytes, the limit is ${maxHeaderBytes}`
    throw shardError('SHARD_MALFORMED', shard, what)
  }
  const end = lengthBytes + Number(length)
  if (end > source.size) {
    const what = `is cut short: its header alone ends at byte ${end}, ${source.size} bytes are on disk`
    throw shardError('SHARD_TRUNCATED', shard, what)
  }
  const bytes = new Uint8Array(end)
  await source.read(bytes, 0)
  return bytes
}

function decode(header: Uint8Array, shard: ShardAtFault): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header)
  } catch {
    throw shardError('SHARD_MALFORMED', shard, 'is malformed: its header is not valid UTF-8')
  }
  if (!text.startsWith('{'))
    throw shardError('SHARD_MALFORMED', shard, 'is malformed: its header does not begin with {')
  return text
}

function parse(text: string, shard: ShardAtFault): DeclaredTensor[] {
  try {
    return parseHeader(text)
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw shardError('SHARD_MALFORMED', shard, `has a malformed header: ${error.message}`)
  }
}

function isPointer(shard: ShardAtFault) {
  const hint = 'Run "git lfs pull" in the folder, or download the files with the Hugging Face client.'
  return shardError('SHARD_MALFORMED', shard, 'is a Git LFS pointer, not the file itself', hint)
}
