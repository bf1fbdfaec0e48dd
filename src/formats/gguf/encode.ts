import { quote } from '../../base/quote.ts'
import { ByteWriter } from './byte-writer.ts'
import { arrayTypeId, type FixedSizeType, typeId, valueTypes } from './format.ts'
import type { GgufArray, GgufMetadata, GgufValue } from './values.ts'

/** Longest key, in bytes. Source: the GGUF specification. */
const maxKeyBytes = 2 ** 16 - 1

/**
 * Appends keys and values in their order.
 * @throws RangeError for a value that its type cannot hold, or text that UTF-8 cannot.
 */
export function encodeMetadata(writer: ByteWriter, metadata: GgufMetadata): void {
  for (const [key, value] of metadata) {
    try {
      encodeKey(writer, key)
      encodeValue(writer, value)
    } catch (cause) {
      throw new RangeError(`metadata ${quote(key)}: ${(cause as Error).message}`, { cause })
    }
  }
}

function encodeKey(writer: ByteWriter, key: string): void {
  if (key === '' || Buffer.byteLength(key) > maxKeyBytes) throw new RangeError(`a key has 1 to ${maxKeyBytes} bytes`)
  writer.string(key)
}

function encodeValue(writer: ByteWriter, value: GgufValue): void {
  if (value.type === 'array') {
    encodeArray(writer, value)
  } else if (value.type === 'string') {
    writer.u32(typeId('string'))
    writer.string(value.value)
  } else {
    writer.u32(typeId(value.type))
    encodeElements(writer, value.type, [value.value])
  }
}

function encodeArray(writer: ByteWriter, array: GgufArray): void {
  writer.u32(arrayTypeId)
  writer.u32(typeId(array.of))
  writer.u64(array.value.length)
  writer.bytes(encodedMembers(array))
}

/**
 * A vocabulary has 100 000 tokens, each with a text, a score and a kind, and the same one is laid out for every recipe
 * that is planned: encoded once.
 */
const membersEncoded = new WeakMap<GgufArray, Uint8Array>()

function encodedMembers(array: GgufArray): Uint8Array {
  const known = membersEncoded.get(array)
  if (known !== undefined) return known
  const writer = new ByteWriter()
  if (array.of === 'string') for (const text of array.value) writer.string(text)
  else encodeElements(writer, array.of, array.value)
  const encoded = writer.finish()
  membersEncoded.set(array, encoded)
  return encoded
}

function encodeElements(writer: ByteWriter, type: FixedSizeType, values: readonly (number | bigint | boolean)[]): void {
  const { bytes } = valueTypes[type]
  const { buffer, at } = writer.reserve(values.length * bytes)
  const write = elementWriters[type] as (buffer: Buffer, at: number, value: number | bigint | boolean) => void
  let place = at
  for (const value of values) {
    write(buffer, place, value)
    place += bytes
  }
}

/** Node's writers refuse numbers out of range, but cut off fractions. */
function whole(value: number): number {
  if (!Number.isInteger(value)) throw new RangeError(`${value} is not a whole number`)
  return value
}

const elementWriters: { readonly [Type in FixedSizeType]: (buffer: Buffer, at: number, value: never) => void } = {
  u8: (buffer, at, value: number) => buffer.writeUInt8(whole(value), at),
  i8: (buffer, at, value: number) => buffer.writeInt8(whole(value), at),
  u16: (buffer, at, value: number) => buffer.writeUInt16LE(whole(value), at),
  i16: (buffer, at, value: number) => buffer.writeInt16LE(whole(value), at),
  u32: (buffer, at, value: number) => buffer.writeUInt32LE(whole(value), at),
  i32: (buffer, at, value: number) => buffer.writeInt32LE(whole(value), at),
  f32: (buffer, at, value: number) => buffer.writeFloatLE(value, at),
  bool: (buffer, at, value: boolean) => buffer.writeUInt8(value ? 1 : 0, at),
  u64: (buffer, at, value: bigint) => buffer.writeBigUInt64LE(value, at),
  i64: (buffer, at, value: bigint) => buffer.writeBigInt64LE(value, at),
  f64: (buffer, at, value: number) => buffer.writeDoubleLE(value, at),
}
