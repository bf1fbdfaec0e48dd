import { describe, expect, test } from 'vitest'
import { readImatrix } from '#dist/formats/imatrix/read-imatrix.js'
import { f32s, ggufImatrix, i32, legacyImatrix, measuredTensors, usualMetadata } from '../helpers/imatrix-files.ts'
import { memorySource } from '../helpers/memory-source.ts'
import { refusal } from '../helpers/refusal.ts'

const entry = { name: 'blk.0.attn_q.weight', sums: [1, 2, 3, 4], counts: [2] }
const sums = { name: 'a.in_sum2', shape: [1, 4], bytes: f32s([1, 2, 3, 4]) }
const counts = { name: 'a.counts', shape: [1, 1], bytes: f32s([2]) }
const without = (key: keyof typeof usualMetadata) => {
  const { [key]: _, ...rest } = usualMetadata
  return ggufImatrix([sums, counts], rest)
}
const withSum = (value: number) => ({ ...entry, sums: [1, value, 3, 4] })
const withCount = (value: number) => ({ ...entry, counts: [value] })
const name = (text: string) => Buffer.concat([i32(text.length), Buffer.from(text)])

interface Attack {
  readonly name: string
  readonly bytes: Buffer
  readonly says: RegExp
}

const attacks: readonly Attack[] = [
  { name: 'empty file', bytes: Buffer.alloc(0), says: /it has 0 bytes/ },
  { name: 'neither form', bytes: Buffer.from('{"imatrix": true}'), says: /number of entries is 1835606651/ },
  { name: '.dat: no entries', bytes: legacyImatrix([]), says: /number of entries is 0/ },
  { name: '.dat: −1 entries', bytes: Buffer.concat([i32(-1), Buffer.alloc(64)]), says: /number of entries is -1/ },
  {
    name: '.dat: more entries than it has bytes for',
    bytes: Buffer.concat([i32(200_000), Buffer.alloc(64)]),
    says: /entries is 200000, for which the 64 bytes that remain are too few/,
  },
  {
    name: '.dat: name of 2^31 − 1 bytes',
    bytes: Buffer.concat([i32(1), i32(2 ** 31 - 1), Buffer.alloc(64)]),
    says: /length of the name of entry 1 is 2147483647/,
  },
  {
    name: '.dat: name of −5 bytes',
    bytes: Buffer.concat([i32(1), i32(-5), Buffer.alloc(64)]),
    says: /length of the name of entry 1 is -5/,
  },
  {
    name: '.dat: 2^31 − 1 values',
    bytes: Buffer.concat([i32(1), name('a'), i32(1), i32(2 ** 31 - 1), Buffer.alloc(64)]),
    says: /number of values of "a" is 2147483647, for which the 64 bytes/,
  },
  {
    name: '.dat: no values',
    bytes: Buffer.concat([i32(1), name('a'), i32(1), i32(0), Buffer.alloc(64)]),
    says: /number of values of "a" is 0/,
  },
  { name: '.dat: cut off within values', bytes: legacyImatrix([entry], 'none').subarray(0, -1), says: /too few/ },
  { name: '.dat: cut off within the dataset', bytes: legacyImatrix([entry]).subarray(0, -1), says: /dataset is 14/ },
  {
    name: '.dat: goes on after its end',
    bytes: Buffer.concat([legacyImatrix([entry]), Buffer.alloc(3)]),
    says: /goes on for 3 bytes after its end/,
  },
  {
    name: '.dat: an entry twice',
    bytes: legacyImatrix([entry, entry]),
    says: /"blk.0.attn_q.weight" stands there twice/,
  },
  { name: '.dat: NaN', bytes: legacyImatrix([withSum(Number.NaN)]), says: /value 1 of "blk.0.attn_q.weight" is NaN/ },
  { name: '.dat: infinite', bytes: legacyImatrix([withSum(Number.POSITIVE_INFINITY)]), says: /value 1 .* is Infinity/ },
  { name: '.dat: negative', bytes: legacyImatrix([withSum(-1)]), says: /value 1 .* is -1/ },
  { name: '.dat: measured −3 times', bytes: legacyImatrix([withCount(-3)]), says: /was measured -3 times/ },
  { name: 'GGUF: NaN', bytes: ggufImatrix(measuredTensors([withSum(Number.NaN)])), says: /value 1 .* is NaN/ },
  { name: 'GGUF: negative', bytes: ggufImatrix(measuredTensors([withSum(-2)])), says: /value 1 .* is -2/ },
  { name: 'GGUF: count NaN', bytes: ggufImatrix(measuredTensors([withCount(Number.NaN)])), says: /measured NaN times/ },
  { name: 'GGUF: count −1', bytes: ggufImatrix(measuredTensors([withCount(-1)])), says: /measured -1 times/ },
  { name: 'GGUF: no counts', bytes: ggufImatrix([sums]), says: /no tensor "a.counts"/ },
  { name: 'GGUF: no sums', bytes: ggufImatrix([counts]), says: /no tensor "a.in_sum2"/ },
  { name: 'GGUF: no tensors', bytes: ggufImatrix([]), says: /no tensor NAME.in_sum2/ },
  {
    name: 'GGUF: counts that do not divide the sums',
    bytes: ggufImatrix([sums, { ...counts, shape: [3, 1], bytes: f32s([1, 1, 1]) }]),
    says: /4 sums, but 3 counts/,
  },
  {
    name: 'GGUF: sums that are not F32',
    bytes: ggufImatrix([{ ...sums, type: 1, bytes: Buffer.alloc(8) }, counts]),
    says: /"a.in_sum2" is F16, not F32/,
  },
  {
    name: 'GGUF: a model',
    bytes: ggufImatrix([sums, counts], { ...usualMetadata, type: 'model' }),
    says: /GGUF of the type "model"/,
  },
  { name: 'GGUF: no datasets', bytes: without('datasets'), says: /no list of texts imatrix.datasets/ },
  { name: 'GGUF: no chunk count', bytes: without('chunkCount'), says: /no u32 imatrix.chunk_count/ },
  { name: 'GGUF: no chunk size', bytes: without('chunkSize'), says: /no u32 imatrix.chunk_size/ },
]

describe('an importance matrix is refused, with one error that says why', () => {
  test.each(attacks)('$name', async ({ bytes, says }) => {
    const error = await refusal(readImatrix(memorySource(bytes)))
    expect(error.code).toBe('IMATRIX_MALFORMED')
    expect(error.message).toMatch(says)
  })

  test('GGUF: cut off', async () => {
    const bytes = ggufImatrix(measuredTensors([entry]))
    const error = await refusal(readImatrix(memorySource(bytes.subarray(0, -40))))
    expect(error.code).toBe('GGUF_MALFORMED')
  })

  test('no prefix of a lawful file is taken for one that is complete', async () => {
    const whole = legacyImatrix([entry])
    const ends = legacyImatrix([entry], 'none').length
    for (let length = 0; length < whole.length; length++) {
      // Here older releases ended.
      if (length === ends || length === ends + 4) continue
      const error = await refusal(readImatrix(memorySource(whole.subarray(0, length))))
      expect(error.code, `${length} bytes`).toBe('IMATRIX_MALFORMED')
    }
  })

  test('a file of more than 4 GiB is not read at all', async () => {
    const source = memorySource(Buffer.alloc(0), 2 ** 40)
    expect((await refusal(readImatrix(source))).message).toMatch(/has 1099511627776 bytes, the limit is/)
    expect(source.bytesRead).toBe(0)
  })
})
