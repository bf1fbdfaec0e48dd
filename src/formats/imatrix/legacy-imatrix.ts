import { quote } from '../../base/quote.ts'
import type { ByteSource } from '../../disk/byte-source.ts'
import type { Imatrix, Importance } from './imatrix.ts'
import { malformed } from './imatrix-errors.ts'
import { maxDatasetBytes, maxEntries, maxNameBytes } from './limits.ts'
import { meanSquares } from './mean-squares.ts'

/** Bytes of the smallest entry: length of its name, one byte of name, count, number of values, one value. */
const smallestEntry = 4 + 1 + 4 + 4 + 4

/**
 * The form before July 2025, usually named ".dat": without a magic number, numbers little endian and of 32 bits.
 *
 *     entries, then for each: length of name, name, how often it was measured, number of values, values (f32)
 *     chunks, length of dataset, dataset        may be missing: the first releases ended with the last entry
 *
 * Source: llama.cpp's common/imatrix-loader.cpp and tools/quantize.
 * @throws MiberaError IMATRIX_MALFORMED
 */
export async function readLegacyImatrix(source: ByteSource): Promise<Omit<Imatrix, 'sha256'>> {
  const reader = new Reader(source)
  const count = await reader.count('the number of entries', 1, maxEntries, smallestEntry)
  const entries = new Map<string, Importance>()
  for (let index = 0; index < count; index++) {
    const name = await reader.text(`the name of entry ${index + 1}`, 1, maxNameBytes)
    if (entries.has(name)) throw malformed(source, `the entry ${quote(name)} stands there twice`)
    entries.set(name, await readValues(reader, source, name))
  }
  return { entries, ...(await readEnd(reader, source)) }
}

async function readValues(reader: Reader, source: ByteSource, name: string): Promise<Importance> {
  const measured = await reader.i32(`${quote(name)}`)
  const length = await reader.count(`the number of values of ${quote(name)}`, 1, Number.MAX_SAFE_INTEGER, 4)
  const sums = new Float32Array(new Uint8Array(await reader.bytes(length * 4, `the values of ${quote(name)}`)).buffer)
  return meanSquares(source, name, sums, [measured], (sum) => sum)
}

async function readEnd(reader: Reader, source: ByteSource): Promise<Pick<Imatrix, 'datasets' | 'chunks'>> {
  if (reader.remaining === 0) return { datasets: [], chunks: 0 }
  const chunks = Math.max(0, await reader.i32('the number of chunks'))
  if (reader.remaining === 0) return { datasets: [], chunks }
  const dataset = await reader.text('the name of the dataset', 0, maxDatasetBytes)
  if (reader.remaining > 0) throw malformed(source, `it goes on for ${reader.remaining} bytes after its end`)
  return { datasets: dataset === '' ? [] : [dataset], chunks }
}

/** Reads front to back. Every length is checked against its cap and the bytes that remain before it is allocated. */
class Reader {
  readonly #source: ByteSource
  readonly #decoder = new TextDecoder('utf-8')
  #position = 0

  constructor(source: ByteSource) {
    this.#source = source
  }

  get remaining(): number {
    return this.#source.size - this.#position
  }

  async bytes(length: number, what: string): Promise<Buffer<ArrayBuffer>> {
    if (length > this.remaining) {
      const wanted = `${what} needs ${length} bytes at byte ${this.#position}`
      throw malformed(this.#source, `${wanted}, but the file ends at byte ${this.#source.size}`)
    }
    const bytes = Buffer.alloc(length)
    await this.#source.read(bytes, this.#position)
    this.#position += length
    return bytes
  }

  async i32(what: string): Promise<number> {
    return (await this.bytes(4, what)).readInt32LE()
  }

  /** A count from `least` to `most` of things that take at least `minimumBytes` each. */
  async count(what: string, least: number, most: number, minimumBytes: number): Promise<number> {
    const count = await this.i32(what)
    if (count < least || count > most) throw malformed(this.#source, `${what} is ${count}`)
    if (count * minimumBytes > this.remaining) {
      const problem = `${what} is ${count}, for which the ${this.remaining} bytes that remain are too few`
      throw malformed(this.#source, problem)
    }
    return count
  }

  async text(what: string, least: number, most: number): Promise<string> {
    const bytes = await this.bytes(await this.count(`the length of ${what}`, least, most, 1), what)
    // C's end of a text.
    const end = bytes.indexOf(0)
    return this.#decoder.decode(end < 0 ? bytes : bytes.subarray(0, end))
  }
}
