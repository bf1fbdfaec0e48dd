import { quote } from '../../base/quote.ts'
import { JsonCursor } from './json-cursor.ts'

/** Most tensors in one shard. The largest mixture-of-experts models have about 100 000 in all their shards together. */
export const maxTensorsPerShard = 2 ** 19

/** Most dimensions of a tensor; NumPy's own limit. */
export const maxDimensions = 64

/** Most names under `__metadata__`. */
export const maxMetadataNames = 2 ** 16

/** One entry of the header, word for word: well-formed, but no law about its figures checked yet. */
export interface DeclaredTensor {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  /** From the first byte of the data to the tensor's first byte. */
  readonly begin: number
  /** To the byte behind its last. */
  readonly end: number
}

/**
 * Reads the JSON of a header: an object of entries that are exactly {dtype, shape, data_offsets}, and `__metadata__`
 * with strings only.
 * @throws JsonError
 */
export function parseHeader(text: string): DeclaredTensor[] {
  const tensors: DeclaredTensor[] = []
  const cursor = new JsonCursor(text)
  cursor.object('the header', maxTensorsPerShard, (name) => {
    if (name === '__metadata__') skipMetadata(cursor)
    else tensors.push(readEntry(cursor, name))
  })
  cursor.end()
  return tensors
}

function skipMetadata(cursor: JsonCursor): void {
  cursor.object('__metadata__', maxMetadataNames, (name) => {
    cursor.string(`__metadata__ ${quote(name)}`)
  })
}

function readEntry(cursor: JsonCursor, name: string): DeclaredTensor {
  const what = `tensor ${quote(name)}`
  let dtype: string | undefined
  let shape: number[] | undefined
  let offsets: number[] | undefined
  // One more than there are: an unknown field is refused by its name.
  cursor.object(what, 4, (field) => {
    if (field === 'dtype') dtype = cursor.string(`the dtype of ${what}`)
    else if (field === 'shape') shape = readSizes(cursor, `the shape of ${what}`, maxDimensions)
    else if (field === 'data_offsets') offsets = readSizes(cursor, `data_offsets of ${what}`, 2)
    else throw cursor.error(`${what} has the unknown field ${quote(field)}`)
  })
  if (dtype === undefined) throw cursor.error(`${what} has no dtype`)
  if (shape === undefined) throw cursor.error(`${what} has no shape`)
  const [begin, end] = offsets ?? []
  if (begin === undefined || end === undefined) throw cursor.error(`${what} has no data_offsets of two numbers`)
  return { name, dtype, shape, begin, end }
}

function readSizes(cursor: JsonCursor, what: string, limit: number): number[] {
  const sizes: number[] = []
  cursor.array(what, () => {
    if (sizes.length === limit) throw cursor.error(`${what} has more than ${limit} numbers`)
    sizes.push(cursor.size(what))
  })
  return sizes
}
