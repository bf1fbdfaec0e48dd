import { alignUp, checkedProduct, checkedSum } from '../../base/checked.ts'
import { quote } from '../../base/quote.ts'
import type { ByteSource } from '../../disk/byte-source.ts'
import { ggmlTypeById, rowBytes, rowsFit } from '../ggml/block-types.ts'
import { decodeMetadata } from './decode.ts'
import { alignmentKey, defaultAlignment, magic, maxDimensions, version } from './format.ts'
import { HeaderReader } from './header-reader.ts'
import { type GgufTensorInfo, isAlignment, type PlacedTensor } from './layout.ts'
import { maxMetadataKeys, maxNameBytes, maxTensors } from './limits.ts'
import type { GgufMetadata } from './values.ts'

export interface GgufFile {
  /** In the file's order. */
  readonly metadata: GgufMetadata
  /** In the header's order. */
  readonly tensors: readonly PlacedTensor[]
  /** Byte position of the data: the end of the header, aligned. */
  readonly dataStart: number
  /** Bytes of the whole file. */
  readonly size: number
}

/** Bytes of the smallest key with value, and of the smallest tensor info: empty names, one byte, no dimension. */
const smallestKeyAndValue = 8 + 4 + 1
const smallestTensorInfo = 8 + 4 + 4 + 8

type UnplacedTensor = GgufTensorInfo & { readonly relativeOffset: number; readonly byteLength: number }

/**
 * Reads the header of a GGUF file, version 2 or 3, and checks it: names and keys are unique, every tensor is aligned,
 * lies within the file and shares no byte with another.
 * @throws MiberaError GGUF_MALFORMED
 */
export async function readGguf(source: ByteSource): Promise<GgufFile> {
  const reader = new HeaderReader(source)
  await checkStart(reader)
  const tensorCount = await reader.count('the number of tensors', maxTensors, smallestTensorInfo)
  const keyCount = await reader.count('the number of metadata keys', maxMetadataKeys, smallestKeyAndValue)
  const metadata = await decodeMetadata(reader, keyCount)
  const alignment = alignmentOf(reader, metadata)
  const unplaced = await readTensorInfos(reader, tensorCount)
  const dataStart = alignUp(reader.position, alignment)
  const tensors = unplaced.map((tensor) => place(reader, tensor, dataStart, alignment, source.size))
  checkNoOverlap(reader, tensors)
  return { metadata, tensors, dataStart, size: source.size }
}

async function checkStart(reader: HeaderReader): Promise<void> {
  if ((await reader.u32('the magic number')) !== magic) throw reader.malformed('it does not begin with "GGUF"')
  const found = await reader.u32('the version')
  if (found === version || found === 2) return
  const bigEndian = found !== 0 && found % 2 ** 16 === 0
  throw reader.malformed(bigEndian ? 'it is big-endian' : `it has version ${found}; readable are 2 and 3`)
}

function alignmentOf(reader: HeaderReader, metadata: GgufMetadata): number {
  const value = metadata.get(alignmentKey)
  if (value === undefined) return defaultAlignment
  if (value.type === 'u32' && isAlignment(value.value)) return value.value
  throw reader.malformed(`${alignmentKey} is not a u32 and a power of two of at least 8`)
}

async function readTensorInfos(reader: HeaderReader, count: number): Promise<UnplacedTensor[]> {
  const tensors = new Map<string, UnplacedTensor>()
  for (let index = 0; index < count; index++) {
    const tensor = await readTensorInfo(reader, index)
    if (tensors.has(tensor.name)) throw reader.malformed(`two tensors have the name ${quote(tensor.name)}`)
    tensors.set(tensor.name, tensor)
  }
  return [...tensors.values()]
}

async function readTensorInfo(reader: HeaderReader, index: number): Promise<UnplacedTensor> {
  const name = await reader.string(`the name of tensor ${index}`, maxNameBytes)
  const what = `tensor ${quote(name)}`
  const dimensions = await reader.u32(what)
  if (dimensions > maxDimensions) {
    throw reader.malformed(`${what} has ${dimensions} dimensions, the limit is ${maxDimensions}`)
  }
  const shape: number[] = []
  for (let dimension = 0; dimension < dimensions; dimension++) {
    shape.unshift(await reader.size(`a dimension of ${what}`, Number.MAX_SAFE_INTEGER))
  }
  const typeId = await reader.u32(what)
  const type = ggmlTypeById(typeId)
  if (type === undefined) throw reader.malformed(`${what} has the ggml type ${typeId}, which is not known here`)
  const relativeOffset = await reader.size(`the offset of ${what}`, Number.MAX_SAFE_INTEGER)
  const byteLength = bytesOf(reader, { name, shape, type })
  return { name, shape, type, relativeOffset, byteLength }
}

function bytesOf(reader: HeaderReader, { name, shape, type }: GgufTensorInfo): number {
  const what = `tensor ${quote(name)} of shape [${shape.join(', ')}]`
  const columns = shape.at(-1) ?? 1
  if (shape.includes(0)) throw reader.malformed(`${what} is empty`)
  if (!rowsFit(type, columns)) throw reader.malformed(`${what} has rows that are not whole ${type} blocks`)
  const bytes = checkedProduct([...shape.slice(0, -1), rowBytes(type, columns)])
  if (bytes === undefined) throw reader.malformed(`${what} has 2^53 bytes or more`)
  return bytes
}

function place(
  reader: HeaderReader,
  { relativeOffset, ...tensor }: UnplacedTensor,
  dataStart: number,
  alignment: number,
  size: number,
): PlacedTensor {
  const what = `tensor ${quote(tensor.name)}`
  if (relativeOffset % alignment !== 0) {
    throw reader.malformed(`${what} is at data byte ${relativeOffset}, not a multiple of ${alignment}`)
  }
  const offset = dataStart + relativeOffset
  const end = checkedSum([offset, tensor.byteLength])
  if (end === undefined || end > size) {
    throw reader.malformed(`${what} has ${tensor.byteLength} bytes from byte ${offset}, but the file has ${size}`)
  }
  return { ...tensor, offset }
}

function checkNoOverlap(reader: HeaderReader, tensors: readonly PlacedTensor[]): void {
  let previous: PlacedTensor | undefined
  for (const tensor of tensors.toSorted((a, b) => a.offset - b.offset)) {
    if (previous !== undefined && tensor.offset < previous.offset + previous.byteLength) {
      throw reader.malformed(`tensors ${quote(previous.name)} and ${quote(tensor.name)} overlap`)
    }
    previous = tensor
  }
}
