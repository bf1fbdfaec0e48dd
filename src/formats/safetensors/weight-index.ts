import { MiberaError } from '../../base/errors.ts'
import { openLocalFile } from '../../disk/local-file.ts'
import { JsonCursor, JsonError } from './json-cursor.ts'

export const indexFile = 'model.safetensors.index.json'

/** Longest index, in bytes. That of a model with 100 000 tensors has about 10 MB. */
export const maxIndexBytes = 64 * 2 ** 20

/** Most tensors in an index. */
const maxIndexTensors = 2 ** 20

/** How deep the index's `metadata`, which is not ours to judge, may nest. */
const maxNesting = 32

/** By tensor name, the name of the shard that holds it. */
export type WeightIndex = ReadonlyMap<string, string>

/**
 * Reads an index. The shard names in it are not checked yet.
 * @throws MiberaError INDEX_MALFORMED or IO.
 */
export async function readWeightIndex(path: string): Promise<WeightIndex> {
  const bytes = await readWhole(path)
  try {
    return parseWeightIndex(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    if (error instanceof JsonError) throw malformed(path, error.message)
    if (error instanceof TypeError) throw malformed(path, 'it is not valid UTF-8')
    throw error
  }
}

function parseWeightIndex(text: string): WeightIndex {
  const weightMap = new Map<string, string>()
  let found = false
  const cursor = new JsonCursor(text)
  cursor.object('the index', maxNesting, (name) => {
    if (name !== 'weight_map') return cursor.skip('the index', maxNesting)
    found = true
    cursor.object('weight_map', maxIndexTensors, (tensor) => {
      weightMap.set(tensor, cursor.string('a shard name in weight_map'))
    })
  })
  cursor.end()
  if (!found) throw cursor.error('it has no weight_map')
  if (weightMap.size === 0) throw cursor.error('its weight_map is empty')
  return weightMap
}

/**
 * `metadata.total_size` of an index: bytes of all tensors together as its writer counted them. Some indexes leave it
 * out, write it as a fraction, or carry it over from another data type, so it is good for an estimate only.
 */
export async function readIndexTotalSize(path: string): Promise<number | undefined> {
  try {
    return parseTotalSize(Buffer.from(await readWhole(path)).toString())
  } catch {
    return undefined
  }
}

function parseTotalSize(text: string): number | undefined {
  let total: number | undefined
  const cursor = new JsonCursor(text)
  cursor.object('the index', maxNesting, (name) => {
    if (name !== 'metadata') return cursor.skip('the index', maxNesting)
    cursor.object('metadata', maxNesting, (field) => {
      if (field === 'total_size') total = cursor.size('total_size')
      else cursor.skip('metadata', maxNesting)
    })
  })
  return total
}

async function readWhole(path: string): Promise<Uint8Array> {
  const file = await openLocalFile(path)
  try {
    if (file.size > maxIndexBytes) throw malformed(path, `it has ${file.size} bytes, the limit is ${maxIndexBytes}`)
    const bytes = new Uint8Array(file.size)
    await file.read(bytes, 0)
    return bytes
  } finally {
    await file.close()
  }
}

function malformed(path: string, what: string): MiberaError {
  return new MiberaError('INDEX_MALFORMED', `the index ${indexFile} is malformed: ${what}`, {
    subject: path,
    hint: 'Download the index again, or remove it if all shards are present: they are then found by their names.',
  })
}
