import { quote } from '../../base/quote.ts'
import { arrayTypeId, type FixedSizeType, scalarTypeById, valueTypes } from './format.ts'
import type { HeaderReader } from './header-reader.ts'
import { maxArrayElements, maxKeyBytes, maxStringBytes } from './limits.ts'
import type { GgufMetadata, GgufValue } from './values.ts'

/** Elements of an array decoded from one read. */
const elementsAtATime = 2 ** 15

/** Array elements that the rest of the header may still have. */
type Budget = { elements: number }

type Scalar = number | bigint | boolean

/**
 * Reads `count` keys with their values, in the file's order.
 * @throws MiberaError GGUF_MALFORMED
 */
export async function decodeMetadata(reader: HeaderReader, count: number): Promise<GgufMetadata> {
  const metadata = new Map<string, GgufValue>()
  const budget = { elements: maxArrayElements }
  for (let index = 0; index < count; index++) {
    const key = await reader.string(`metadata key ${index}`, maxKeyBytes)
    if (metadata.has(key)) throw reader.malformed(`the metadata key ${quote(key)} stands there twice`)
    metadata.set(key, await decodeValue(reader, `metadata ${quote(key)}`, budget))
  }
  return metadata
}

async function decodeValue(reader: HeaderReader, what: string, budget: Budget): Promise<GgufValue> {
  const id = await reader.u32(what)
  if (id === arrayTypeId) return await decodeArray(reader, what, budget)
  const type = scalarTypeById(id)
  if (type === undefined) throw reader.malformed(`${what} has the unknown value type ${id}`)
  if (type === 'string') return { type, value: await reader.string(what, maxStringBytes) }
  const [value] = await decodeElements(reader, what, type, 1)
  // The element decoders return what their type says.
  return { type, value } as GgufValue
}

async function decodeArray(reader: HeaderReader, what: string, budget: Budget): Promise<GgufValue> {
  const id = await reader.u32(what)
  const of = scalarTypeById(id)
  if (id === arrayTypeId) throw reader.malformed(`${what} is an array of arrays, which no known key is`)
  if (of === undefined) throw reader.malformed(`${what} is an array of the unknown value type ${id}`)
  const minimumBytes = of === 'string' ? 8 : valueTypes[of].bytes
  const count = await reader.count(`the length of ${what}`, budget.elements, minimumBytes)
  budget.elements -= count
  if (of !== 'string') return { type: 'array', of, value: await decodeElements(reader, what, of, count) } as GgufValue
  const value: string[] = []
  for (let index = 0; index < count; index++) value.push(await reader.string(what, maxStringBytes))
  return { type: 'array', of, value }
}

async function decodeElements(reader: HeaderReader, what: string, type: FixedSizeType, count: number) {
  const { bytes: size } = valueTypes[type]
  const decode = elementReaders[type]
  const values: Scalar[] = []
  while (values.length < count) {
    const taken = Math.min(count - values.length, elementsAtATime)
    const bytes = await reader.bytes(taken * size, what)
    for (let index = 0; index < taken; index++) values.push(decode(bytes, index * size))
  }
  if (type === 'bool') return values.map((value) => asBoolean(reader, what, value))
  return values
}

function asBoolean(reader: HeaderReader, what: string, value: Scalar): boolean {
  if (value === 0 || value === 1) return value === 1
  throw reader.malformed(`${what} is a boolean, but has the byte ${value}`)
}

const elementReaders: { readonly [Type in FixedSizeType]: (bytes: Buffer, at: number) => number | bigint } = {
  u8: (bytes, at) => bytes.readUInt8(at),
  i8: (bytes, at) => bytes.readInt8(at),
  u16: (bytes, at) => bytes.readUInt16LE(at),
  i16: (bytes, at) => bytes.readInt16LE(at),
  u32: (bytes, at) => bytes.readUInt32LE(at),
  i32: (bytes, at) => bytes.readInt32LE(at),
  f32: (bytes, at) => bytes.readFloatLE(at),
  bool: (bytes, at) => bytes.readUInt8(at),
  u64: (bytes, at) => bytes.readBigUInt64LE(at),
  i64: (bytes, at) => bytes.readBigInt64LE(at),
  f64: (bytes, at) => bytes.readDoubleLE(at),
}
