import { open, readFile, writeFile } from 'node:fs/promises'

interface HeaderEntry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

type Header = Readonly<Record<string, HeaderEntry | Readonly<Record<string, string>>>>

/** Where a tensor lies in a safetensors file. Read here on its own, not by what is tested. */
export interface FoundTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  /** Byte positions in the file. */
  readonly begin: number
  readonly end: number
}

function split(file: Buffer): { header: Header; dataStart: number } {
  const dataStart = 8 + Number(file.readBigUInt64LE(0))
  return { header: JSON.parse(file.subarray(8, dataStart).toString()) as Header, dataStart }
}

/** Replaces the header of a shard; the data follow as they were. */
export async function changeHeader(path: string, change: (header: Header) => Header): Promise<void> {
  const file = await readFile(path)
  const { header, dataStart } = split(file)
  const json = JSON.stringify(change(header))
  const padded = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  await writeFile(path, Buffer.concat([length, padded, file.subarray(dataStart)]))
}

export function findTensor(file: Buffer, name: string): FoundTensor | undefined {
  const { header, dataStart } = split(file)
  const entry = header[name] as HeaderEntry | undefined
  if (entry === undefined) return undefined
  const {
    dtype,
    shape,
    data_offsets: [begin, end],
  } = entry
  return { dtype, shape, begin: dataStart + begin, end: dataStart + end }
}

/** Overwrites one weight of a tensor, given by its place in row-major order, with these bytes. */
export async function pokeWeight(path: string, tensor: string, index: number, bytes: Uint8Array): Promise<void> {
  const found = findTensor(await readFile(path), tensor)
  if (found === undefined) throw new RangeError(`${path} has no ${tensor}`)
  await overwrite(path, found.begin + index * bytes.length, bytes)
}

export async function overwrite(path: string, position: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.write(bytes, 0, bytes.length, position)
  } finally {
    await file.close()
  }
}
