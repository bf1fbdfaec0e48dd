import { quote } from '../../base/quote.ts'
import type { ByteSource } from '../../disk/byte-source.ts'
import type { PlacedTensor } from '../gguf/layout.ts'
import { type GgufFile, readGguf } from '../gguf/reader.ts'
import type { Imatrix, Importance } from './imatrix.ts'
import { malformed } from './imatrix-errors.ts'
import { meanSquares } from './mean-squares.ts'

const sumsSuffix = '.in_sum2'
const countsSuffix = '.counts'

/**
 * The form of llama.cpp since July 2025: a GGUF with two F32 tensors for each matrix, the sums of squares and how often
 * they were added to. Source: llama.cpp's common/imatrix-loader.cpp and tools/quantize.
 * @throws MiberaError GGUF_MALFORMED, IMATRIX_MALFORMED
 */
export async function readGgufImatrix(source: ByteSource): Promise<Omit<Imatrix, 'sha256'>> {
  const gguf = await readGguf(source)
  const facts = metadataOf(source, gguf)
  const byName = new Map(gguf.tensors.map((tensor) => [tensor.name, tensor]))
  const entries = new Map<string, Importance>()
  for (const { name } of gguf.tensors) {
    const suffix = [sumsSuffix, countsSuffix].find((ending) => name.endsWith(ending))
    const entry = suffix === undefined ? '' : name.slice(0, -suffix.length)
    if (entry === '' || entries.has(entry)) continue
    entries.set(entry, await readEntry(source, entry, byName))
  }
  if (entries.size === 0) throw malformed(source, `it has no tensor NAME${sumsSuffix}`)
  return { ...facts, entries }
}

function metadataOf(source: ByteSource, { metadata }: GgufFile): Pick<Imatrix, 'datasets' | 'chunks'> {
  const type = metadata.get('general.type')
  const datasets = metadata.get('imatrix.datasets')
  const chunks = metadata.get('imatrix.chunk_count')
  const chunkSize = metadata.get('imatrix.chunk_size')
  if (type?.type === 'string' && type.value !== 'imatrix') {
    throw malformed(source, `it is a GGUF of the type ${quote(type.value)}, not of the type "imatrix"`)
  }
  if (datasets?.type !== 'array' || datasets.of !== 'string') {
    throw malformed(source, 'it has no list of texts imatrix.datasets')
  }
  if (chunks?.type !== 'u32') throw malformed(source, 'it has no u32 imatrix.chunk_count')
  if (chunkSize?.type !== 'u32') throw malformed(source, 'it has no u32 imatrix.chunk_size')
  return { datasets: datasets.value, chunks: chunks.value }
}

async function readEntry(
  source: ByteSource,
  entry: string,
  tensors: ReadonlyMap<string, PlacedTensor>,
): Promise<Importance> {
  const sums = await floats(source, tensors, entry + sumsSuffix)
  const counts = await floats(source, tensors, entry + countsSuffix)
  if (sums.length % counts.length !== 0) {
    throw malformed(source, `${quote(entry)} has ${sums.length} sums, but ${counts.length} counts`)
  }
  // An expert that was never chosen counts in all columns alike.
  return meanSquares(source, entry, sums, [...counts].map(roundHalfUp), () => 1)
}

async function floats(
  source: ByteSource,
  tensors: ReadonlyMap<string, PlacedTensor>,
  name: string,
): Promise<Float32Array> {
  const tensor = tensors.get(name)
  if (tensor === undefined) throw malformed(source, `it has no tensor ${quote(name)}`)
  if (tensor.type !== 'F32') throw malformed(source, `the tensor ${quote(name)} is ${tensor.type}, not F32`)
  const bytes = new Uint8Array(tensor.byteLength)
  await source.read(bytes, tensor.offset)
  return new Float32Array(bytes.buffer)
}

/** As C's lround for what is not negative: counts are whole numbers, but stored as floats. */
function roundHalfUp(count: number): number {
  return Math.floor(count + 0.5)
}
