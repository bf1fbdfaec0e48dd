import { expect, test } from 'vitest'
import { readShardHeader } from '#dist/formats/safetensors/header.js'
import { rawSafetensors } from '../../fixtures/safetensors-file.ts'
import { memorySource } from '../helpers/memory-source.ts'
import { refusal } from '../helpers/refusal.ts'

const refused = (bytes: Uint8Array) => refusal(readShardHeader(memorySource(bytes), 'model.safetensors'))

const entry = (begin: number, end: number, shape = [(end - begin) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

interface Attack {
  readonly name: string
  readonly header: unknown
  /** Bytes of data; 16 unless given. */
  readonly data?: number
  readonly code: string
  readonly says: RegExp
}

const lying: readonly Attack[] = [
  { name: 'hole at the start', header: { a: entry(4, 16) }, code: 'SHARD_MALFORMED', says: /"a".*byte 4 instead of 0/ },
  {
    name: 'hole between tensors',
    header: { a: entry(0, 4), b: entry(8, 16) },
    code: 'SHARD_MALFORMED',
    says: /"b" leaves a hole behind "a"/,
  },
  {
    name: 'overlapping tensors',
    header: { a: entry(0, 12), b: entry(8, 16) },
    code: 'SHARD_MALFORMED',
    says: /"b" overlaps "a": it begins at data byte 8, that one ends at 12/,
  },
  {
    name: 'two tensors in one place',
    header: { a: entry(0, 16), b: entry(0, 16) },
    code: 'SHARD_MALFORMED',
    says: /overlaps/,
  },
  {
    name: 'offsets reversed',
    header: { a: entry(16, 0, [4]) },
    code: 'SHARD_MALFORMED',
    says: /\[16, 0\].*end before they begin/,
  },
  {
    name: 'shape larger than its bytes',
    header: { a: entry(0, 16, [5]) },
    code: 'SHARD_MALFORMED',
    says: /F32 \[5\] and needs 20 bytes.* hold 16/,
  },
  {
    name: 'shape smaller than its bytes',
    header: { a: entry(0, 16, [3]) },
    code: 'SHARD_MALFORMED',
    says: /needs 12 bytes.* hold 16/,
  },
  {
    name: 'shape whose product wraps to 16 in 64 bits',
    header: { a: entry(0, 16, [2 ** 31, 2 ** 31, 4, 1]) },
    code: 'SHARD_MALFORMED',
    says: /2\^53 bytes or more/,
  },
  {
    name: 'shape whose product is zero after an overflow',
    header: { a: entry(0, 16, [2 ** 52, 2 ** 52, 0]) },
    code: 'SHARD_MALFORMED',
    says: /"a"/,
  },
  {
    name: 'data cut short',
    header: { a: entry(0, 32) },
    code: 'SHARD_TRUNCATED',
    says: /is cut short: \d+ bytes by its header, \d+ on disk/,
  },
  {
    name: 'bytes behind the data',
    header: { a: entry(0, 12) },
    code: 'SHARD_TOO_LONG',
    says: /is too long: \d+ bytes by its header, \d+ on disk/,
  },
  {
    name: 'unknown data type',
    header: { a: entry(0, 16, [16], 'F6_E2M3') },
    code: 'DTYPE_UNSUPPORTED',
    says: /"a".*"F6_E2M3"/,
  },
  {
    name: 'data type that is a property of every object',
    header: { a: entry(0, 16, [16], 'constructor') },
    code: 'DTYPE_UNSUPPORTED',
    says: /"constructor"/,
  },
  {
    name: 'entry without a dtype',
    header: { a: { shape: [4], data_offsets: [0, 16] } },
    code: 'SHARD_MALFORMED',
    says: /"a" has no dtype/,
  },
  {
    name: 'entry without a shape',
    header: { a: { dtype: 'F32', data_offsets: [0, 16] } },
    code: 'SHARD_MALFORMED',
    says: /"a" has no shape/,
  },
  {
    name: 'entry without offsets',
    header: { a: { dtype: 'F32', shape: [4] } },
    code: 'SHARD_MALFORMED',
    says: /no data_offsets/,
  },
  {
    name: 'one offset',
    header: { a: { ...entry(0, 16), data_offsets: [0] } },
    code: 'SHARD_MALFORMED',
    says: /no data_offsets of two/,
  },
  {
    name: 'three offsets',
    header: { a: { ...entry(0, 16), data_offsets: [0, 16, 16] } },
    code: 'SHARD_MALFORMED',
    says: /more than 2/,
  },
  {
    name: 'unknown field',
    header: { a: { ...entry(0, 16), stride: [1] } },
    code: 'SHARD_MALFORMED',
    says: /unknown field "stride"/,
  },
  {
    name: 'negative dimension',
    header: { a: entry(0, 16, [-4]) },
    code: 'SHARD_MALFORMED',
    says: /shape of tensor "a".*whole number/,
  },
  {
    name: 'fractional dimension',
    header: { a: entry(0, 16, [4.5]) },
    code: 'SHARD_MALFORMED',
    says: /shape of tensor "a".*whole number/,
  },
  {
    name: 'dimension as a string',
    header: { a: { ...entry(0, 16), shape: ['4'] } },
    code: 'SHARD_MALFORMED',
    says: /shape of tensor "a"/,
  },
  { name: 'entry that is null', header: { a: null }, code: 'SHARD_MALFORMED', says: /tensor "a": expected "{"/ },
  {
    name: 'metadata that is not text',
    header: { __metadata__: { step: 4 }, a: entry(0, 16) },
    code: 'SHARD_MALFORMED',
    says: /__metadata__ "step"/,
  },
  {
    name: 'metadata that is a list',
    header: { __metadata__: [], a: entry(0, 16) },
    code: 'SHARD_MALFORMED',
    says: /__metadata__/,
  },
  {
    name: 'a thousand dimensions',
    header: { a: entry(0, 16, [4, ...Array(1000).fill(1)]) },
    code: 'SHARD_MALFORMED',
    says: /more than 64/,
  },
]

test.each(lying)('$name', async ({ header, data, code, says }) => {
  const error = await refused(rawSafetensors(JSON.stringify(header), data ?? 16))
  expect(error.message).toMatch(says)
  expect(error.code).toBe(code)
  expect(error.message).toContain('shard model.safetensors ')
  expect(error.hint).toBeTruthy()
})

const a = '{"dtype":"F32","shape":[4],"data_offsets":[0,16]}'

const malformed: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
  ['the same tensor twice', `{"a":${a},"a":${a}}`, /has the name "a" twice/],
  ['the same tensor twice, once escaped', `{"a":${a},"\\u0061":${a}}`, /has the name "a" twice/],
  [
    'the same field twice',
    '{"a":{"dtype":"F32","dtype":"F16","shape":[4],"data_offsets":[0,16]}}',
    /tensor "a" has the name "dtype" twice/,
  ],
  ['metadata twice', '{"__metadata__":{},"__metadata__":{}}', /"__metadata__" twice/],
  ['the same metadata name twice', '{"__metadata__":{"k":"1","\\u006b":"2"}}', /has the name "k" twice/],
  ['not JSON', '{"a":', /malformed header/],
  ['a list instead of an object', '[]', /does not begin with {/],
  ['space before the object', ` {"a":${a}}`, /does not begin with {/],
  ['a byte order mark', `\ufeff{"a":${a}}`, /does not begin with {/],
  ['something behind the object', `{"a":${a}} {}`, /something follows/],
  ['zeros behind the object', `{"a":${a}}\0\0`, /something follows/],
  ['no header at all', '', /does not begin with {/],
  ['half of a surrogate pair', `{"\\ud800":${a}}`, /surrogate/],
  ['a raw line break in a name', `{"a\nb":${a}}`, /control character/],
  [
    'a number beyond 2^53',
    '{"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,9007199254740993]}}',
    /not below 2\^53/,
  ],
  ['not UTF-8', Buffer.concat([Buffer.from('{"'), Buffer.of(0xc3, 0x28), Buffer.from(`":${a}}`)]), /not valid UTF-8/],
  [
    'an overlong encoding',
    Buffer.concat([Buffer.from('{"'), Buffer.of(0xc0, 0xaf), Buffer.from(`":${a}}`)]),
    /not valid UTF-8/,
  ],
]

test.each(malformed)('%s', async (_, header, says) => {
  const error = await refused(rawSafetensors(header, 16))
  expect(error.message).toMatch(says)
  expect(error.code).toBe('SHARD_MALFORMED')
})

test('a declared length beyond the cap is refused before anything is allocated', async () => {
  for (const length of [100_000_001n, 2n ** 53n, 2n ** 64n - 1n]) {
    const source = memorySource(rawSafetensors('{}', 0, length), Number.MAX_SAFE_INTEGER)
    const error = await refusal(readShardHeader(source, 'model.safetensors'))
    expect(error.code).toBe('SHARD_MALFORMED')
    expect(error.message).toContain(`${length} bytes, the limit is 100000000`)
    expect(source.bytesRead).toBeLessThan(100)
  }
})

test('a declared length beyond the end of the file is a truncated shard', async () => {
  const error = await refused(rawSafetensors('{}', 0, 99_999_999n))
  expect(error.code).toBe('SHARD_TRUNCATED')
  expect(error.message).toContain('ends at byte 100000007, 10 bytes are on disk')
})

test('an empty file and one shorter than its length bytes are truncated shards', async () => {
  for (const length of [0, 1, 7]) {
    expect((await refused(new Uint8Array(length))).code).toBe('SHARD_TRUNCATED')
  }
})

test('a Git LFS pointer is called what it is', async () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4976698672\n'
  const error = await refused(Buffer.from(pointer))
  expect(error.message).toContain('Git LFS pointer')
  expect(error.hint).toContain('git lfs pull')
})

test('control characters of a hostile name do not reach the message', async () => {
  const error = await refused(rawSafetensors(JSON.stringify({ 'x\u001b[2J': entry(4, 16) }), 16))
  expect(error.message).not.toContain('\u001b')
  expect(error.message).toContain('\\u001b[2J')
})

/** Largest headers allowed: none may take long, exhaust the memory or overflow the stack. */
const megabytes = 99_000_000
const huge: readonly (readonly [string, () => string])[] = [
  ['nested lists', () => `{"a":{"shape":${'['.repeat(megabytes)}`],
  ['nested objects', () => `{"__metadata__":${'{"":'.repeat(megabytes / 4)}`],
  ['a name that never ends', () => `{"${'a'.repeat(megabytes)}`],
  ['a name of escapes', () => `{"${'\\u0061'.repeat(megabytes / 6)}":1}`],
  ['a number that never ends', () => `{"a":{"shape":[${'1'.repeat(megabytes)}`],
  ['nothing but space', () => `{${' '.repeat(megabytes)}`],
  ['millions of metadata names', () => `{"__metadata__":{${numbered(4_000_000, '""')}}}`],
  ['millions of empty tensors', () => `{${numbered(1_300_000, '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}')}}`],
]

function numbered(count: number, value: string): string {
  return Array.from({ length: count }, (_, index) => `"${index}":${value}`).join(',')
}

test.each(huge)('100 MB of header: %s', async (_, header) => {
  const bytes = rawSafetensors(header(), 0)
  const before = performance.now()
  const error = await refused(bytes)
  expect(error.code).toBe('SHARD_MALFORMED')
  expect(error.message.length).toBeLessThan(500)
  // The slowest takes about a second here; quadratic time would take hours.
  expect(performance.now() - before).toBeLessThan(30_000)
})
