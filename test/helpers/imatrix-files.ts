import type { HollowTensor } from './hollow-gguf.ts'

/** Sums of squares as `llama-imatrix` counts them: `counts` has one number, or one per expert. */
export interface MeasuredEntry {
  readonly name: string
  readonly sums: readonly number[]
  readonly counts: readonly number[]
}

export const i32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

export const f32s = (values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length)
  values.forEach((value, index) => {
    bytes.writeFloatLE(value, 4 * index)
  })
  return bytes
}

const short = (text: string): Buffer => Buffer.concat([i32(Buffer.byteLength(text)), Buffer.from(text)])
const long = (text: string): Buffer => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)])

/** The bytes of a ".dat" of before July 2025, put together by hand. */
export function legacyImatrix(
  entries: readonly MeasuredEntry[],
  end: { readonly chunks: number; readonly dataset: string } | 'none' = { chunks: 7, dataset: 'wiki.train.raw' },
): Buffer {
  return Buffer.concat([
    i32(entries.length),
    ...entries.flatMap(({ name, sums, counts }) => [short(name), i32(counts[0] ?? 0), i32(sums.length), f32s(sums)]),
    ...(end === 'none' ? [] : [i32(end.chunks), short(end.dataset)]),
  ])
}

export interface ImatrixMetadata {
  readonly type: string
  readonly datasets: readonly string[]
  readonly chunkCount: number
  readonly chunkSize: number
}

export const usualMetadata: ImatrixMetadata = {
  type: 'imatrix',
  datasets: ['wiki.train.raw'],
  chunkCount: 7,
  chunkSize: 512,
}

interface ImatrixTensor extends HollowTensor {
  readonly type?: number
  readonly bytes: Buffer
}

/** The two tensors of each entry. */
export function measuredTensors(entries: readonly MeasuredEntry[]): ImatrixTensor[] {
  return entries.flatMap(({ name, sums, counts }) => [
    { name: `${name}.in_sum2`, shape: [counts.length, sums.length / counts.length], bytes: f32s(sums) },
    { name: `${name}.counts`, shape: [counts.length, 1], bytes: f32s(counts) },
  ])
}

/** The bytes of an imatrix in GGUF form, put together by hand; metadata left out is not written. */
export function ggufImatrix(
  tensors: readonly ImatrixTensor[],
  metadata: Partial<ImatrixMetadata> = usualMetadata,
): Buffer {
  const keys: Buffer[] = []
  const { type, datasets, chunkCount, chunkSize } = metadata
  if (type !== undefined) keys.push(Buffer.concat([long('general.type'), i32(8), long(type)]))
  if (datasets !== undefined) {
    keys.push(Buffer.concat([long('imatrix.datasets'), i32(9), i32(8), u64(datasets.length), ...datasets.map(long)]))
  }
  if (chunkCount !== undefined) keys.push(Buffer.concat([long('imatrix.chunk_count'), i32(4), i32(chunkCount)]))
  if (chunkSize !== undefined) keys.push(Buffer.concat([long('imatrix.chunk_size'), i32(4), i32(chunkSize)]))
  let offset = 0
  const infos = tensors.map(({ name, shape, type: typeId = 0, bytes }) => {
    const sizes = shape.toReversed().map(u64)
    const info = Buffer.concat([long(name), i32(shape.length), ...sizes, i32(typeId), u64(offset)])
    offset += aligned(bytes.length)
    return info
  })
  const head = Buffer.concat([Buffer.from('GGUF'), i32(3), u64(tensors.length), u64(keys.length), ...keys, ...infos])
  const data = tensors.map(({ bytes }) => Buffer.concat([bytes], aligned(bytes.length)))
  return Buffer.concat([Buffer.concat([head], aligned(head.length)), ...data])
}

const aligned = (length: number): number => Math.ceil(length / 32) * 32
