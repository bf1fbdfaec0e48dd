import { alignUp, checkedProduct, checkedSum, isSize } from '../../base/checked.ts'
import { quote } from '../../base/quote.ts'
import { blockTypes, type GgmlType, rowBytes } from '../ggml/block-types.ts'
import { ByteWriter } from './byte-writer.ts'
import { encodeMetadata } from './encode.ts'
import { alignmentKey, defaultAlignment, magic, maxDimensions, version } from './format.ts'
import type { GgufMetadata } from './values.ts'

/** Longest tensor name, in bytes, that llama.cpp reads: GGML_MAX_NAME less the closing zero. */
const maxNameBytes = 63

export interface GgufTensorInfo {
  readonly name: string
  /** Outermost dimension first: [rows, columns] or [columns]. The file has them the other way round. */
  readonly shape: readonly number[]
  readonly type: GgmlType
}

export interface PlacedTensor extends GgufTensorInfo {
  /** Byte position of the first block, from the start of the file. */
  readonly offset: number
  readonly byteLength: number
}

export interface GgufLayout {
  /** Everything before the first tensor: magic, metadata, tensor infos, and zeros up to the alignment. */
  readonly header: Uint8Array
  /** In the order given, which is also their order in the file. */
  readonly tensors: readonly PlacedTensor[]
  /** Bytes of the whole file. As llama.cpp does, the last tensor too is padded to the alignment, with zeros. */
  readonly size: number
}

/**
 * Lays out a GGUF file: version 3, little endian, tensors in the order given and each aligned.
 *
 * @throws RangeError for what the format or llama.cpp's reader cannot take: a value out of its type's range, a row that
 * is not a whole number of blocks, a name twice, a name that is too long, no dimension or more than four.
 */
export function layOut(metadata: GgufMetadata, tensors: readonly GgufTensorInfo[]): GgufLayout {
  const alignment = alignmentOf(metadata)
  const names = new Set<string>()
  const writer = new ByteWriter()
  writer.u32(magic)
  writer.u32(version)
  writer.u64(tensors.length)
  writer.u64(metadata.size)
  encodeMetadata(writer, metadata)

  const placed: PlacedTensor[] = []
  let end = 0
  for (const { name, shape, type } of tensors) {
    if (names.has(name)) throw new RangeError(`two tensors have the name ${quote(name)}`)
    names.add(name)
    const byteLength = tensorBytes(name, shape, type)
    encodeTensorInfo(writer, { name, shape, type }, end)
    placed.push({ name, shape, type, offset: end, byteLength })
    end = checkedSum([end, alignUp(byteLength, alignment)]) ?? tooLarge(name)
  }
  writer.reserve(alignUp(writer.length, alignment) - writer.length)

  const header = writer.finish()
  return {
    header,
    tensors: placed.map((tensor) => ({ ...tensor, offset: header.length + tensor.offset })),
    size: header.length + end,
  }
}

function alignmentOf(metadata: GgufMetadata): number {
  const value = metadata.get(alignmentKey)
  if (value === undefined) return defaultAlignment
  if (value.type === 'u32' && isAlignment(value.value)) return value.value
  throw new RangeError(`${alignmentKey} must be a u32 and a power of two of at least 8`)
}

/** The specification wants a multiple of 8, llama.cpp a power of two. */
export function isAlignment(value: number): boolean {
  return value >= 8 && value < 2 ** 31 && Number.isInteger(Math.log2(value))
}

function tensorBytes(name: string, shape: readonly number[], type: GgmlType): number {
  const columns = shape.at(-1)
  if (columns === undefined || shape.length > maxDimensions || !shape.every((size) => isSize(size) && size > 0)) {
    throw new RangeError(`tensor ${quote(name)} has the shape [${shape.join(', ')}]`)
  }
  return checkedProduct([...shape.slice(0, -1), rowBytes(type, columns)]) ?? tooLarge(name)
}

function encodeTensorInfo(writer: ByteWriter, { name, shape, type }: GgufTensorInfo, relativeOffset: number): void {
  if (Buffer.byteLength(name) > maxNameBytes) {
    throw new RangeError(`the tensor name ${quote(name)} is longer than ${maxNameBytes} bytes`)
  }
  writer.string(name)
  writer.u32(shape.length)
  for (const size of shape.toReversed()) writer.u64(size)
  writer.u32(blockTypes[type].id)
  writer.u64(relativeOffset)
}

function tooLarge(name: string): never {
  throw new RangeError(`tensor ${quote(name)} ends beyond 2^53 bytes`)
}
