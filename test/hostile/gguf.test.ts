import { expect, test } from 'vitest'
import { readGguf } from '#dist/formats/gguf/reader.js'
import { memorySource } from '../helpers/memory-source.ts'
import { refusal } from '../helpers/refusal.ts'

/** Little-endian bytes, put together by hand. */
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
const text = (value: string | Buffer) => {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([u64(bytes.length), bytes])
}

const start = (tensors: number | bigint, keys: number | bigint, version = 3) =>
  Buffer.concat([Buffer.from('GGUF'), u32(version), u64(tensors), u64(keys)])

const types = { u8: 0, u32: 4, bool: 7, string: 8, array: 9, u64: 10 }
const key = (name: string | Buffer, type: number, ...value: Buffer[]) =>
  Buffer.concat([text(name), u32(type), ...value])
const array = (name: string, of: number, count: number | bigint, ...elements: Buffer[]) =>
  key(name, types.array, u32(of), u64(count), ...elements)

const f32 = 0
const q4k = 12
const tensor = (name: string, dimensions: (number | bigint)[], type: number, offset: number | bigint) =>
  Buffer.concat([text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset)])

const weights = (bytes: number) => Buffer.alloc(bytes + 64)

interface Attack {
  readonly name: string
  readonly bytes: Buffer[]
  readonly says: RegExp
}

const attacks: readonly Attack[] = [
  { name: 'empty file', bytes: [], says: /magic number needs 4 bytes at byte 0, but the file ends at byte 0/ },
  { name: 'other magic number', bytes: [Buffer.from('GGML'), u32(3)], says: /does not begin with "GGUF"/ },
  { name: 'version 1', bytes: [start(0, 0, 1)], says: /version 1; readable are 2 and 3/ },
  { name: 'version 4', bytes: [start(0, 0, 4)], says: /version 4/ },
  { name: 'big-endian', bytes: [start(0, 0, 0x03000000)], says: /big-endian/ },
  {
    name: 'ends within its counts',
    bytes: [start(0, 0).subarray(0, 20)],
    says: /needs 8 bytes at byte 16.*ends at byte 20/,
  },
  {
    name: '2^64 − 1 tensors',
    bytes: [start(2n ** 64n - 1n, 0)],
    says: /number of tensors is 18446744073709551615, the limit is/,
  },
  {
    name: 'more tensors than the file has bytes for',
    bytes: [start(200_000, 0)],
    says: /number of tensors is 200000, for which the \d+ bytes/,
  },
  { name: '2^64 − 1 keys', bytes: [start(0, 2n ** 64n - 1n)], says: /number of metadata keys is 18446744073709551615/ },
  {
    name: 'more keys than the file has bytes for',
    bytes: [start(0, 60_000)],
    says: /number of metadata keys is 60000, for which/,
  },
  {
    name: 'key of 2^60 bytes',
    bytes: [start(0, 1), u64(2n ** 60n), Buffer.alloc(40)],
    says: /metadata key 0 is 1152921504606846976, the limit is 65535/,
  },
  {
    name: 'key longer than the file',
    bytes: [start(0, 1), u64(60_000), Buffer.alloc(40)],
    says: /metadata key 0 needs 60000 bytes/,
  },
  {
    name: 'key that is not UTF-8',
    bytes: [start(0, 1), key(Buffer.of(0xff), types.u8, Buffer.alloc(1))],
    says: /key 0 is not valid UTF-8/,
  },
  {
    name: 'text of 2^40 bytes',
    bytes: [start(0, 1), key('k', types.string, u64(2 ** 40))],
    says: /"k" is 1099511627776, the limit/,
  },
  {
    name: 'text longer than the file',
    bytes: [start(0, 1), key('k', types.string, u64(1000))],
    says: /"k" needs 1000 bytes/,
  },
  {
    name: 'text that is not UTF-8',
    bytes: [start(0, 1), key('k', types.string, text(Buffer.of(0xc3, 0x28)))],
    says: /"k" is not valid UTF-8/,
  },
  {
    name: 'the same key twice',
    bytes: [start(0, 2), key('k', types.u8, Buffer.of(1)), key('k', types.u8, Buffer.of(2))],
    says: /key "k" stands there twice/,
  },
  {
    name: 'unknown value type',
    bytes: [start(0, 1), key('k', 13, Buffer.alloc(8))],
    says: /"k" has the unknown value type 13/,
  },
  {
    name: 'boolean that is 2',
    bytes: [start(0, 1), key('k', types.bool, Buffer.of(2))],
    says: /"k" is a boolean, but has the byte 2/,
  },
  {
    name: 'array of 2^62 bytes',
    bytes: [start(0, 1), array('k', types.u8, 2n ** 62n)],
    says: /length of metadata "k" is 4611686018427387904/,
  },
  {
    name: 'array longer than the file',
    bytes: [start(0, 1), array('k', types.u64, 1000, Buffer.alloc(80))],
    says: /length of metadata "k" is 1000, for which the 80 bytes/,
  },
  {
    name: 'array of more texts than fit',
    bytes: [start(0, 1), array('k', types.string, 11, Buffer.alloc(80))],
    says: /is 11, for which the 80 bytes/,
  },
  {
    name: 'array of arrays',
    bytes: [start(0, 1), array('k', types.array, 1, u32(types.u8), u64(0))],
    says: /array of arrays/,
  },
  {
    name: 'array of an unknown type',
    bytes: [start(0, 1), array('k', 99, 0)],
    says: /array of the unknown value type 99/,
  },
  { name: 'alignment 0', bytes: [start(0, 1), key('general.alignment', types.u32, u32(0))], says: /general.alignment/ },
  {
    name: 'alignment 48',
    bytes: [start(0, 1), key('general.alignment', types.u32, u32(48))],
    says: /general.alignment/,
  },
  {
    name: 'alignment as text',
    bytes: [start(0, 1), key('general.alignment', types.string, text('32'))],
    says: /general.alignment/,
  },
  {
    name: 'five dimensions',
    bytes: [start(1, 0), tensor('t', [1, 1, 1, 1, 1], f32, 0), weights(4)],
    says: /"t" has 5 dimensions/,
  },
  {
    name: '2^32 − 1 dimensions',
    bytes: [start(1, 0), text('t'), u32(2 ** 32 - 1), weights(4)],
    says: /"t" has 4294967295 dimensions/,
  },
  {
    name: 'dimension of 2^63',
    bytes: [start(1, 0), tensor('t', [2n ** 63n], f32, 0), weights(4)],
    says: /dimension of tensor "t" is 9223372036854775808/,
  },
  {
    name: 'shape whose size wraps around 2^64',
    bytes: [start(1, 0), tensor('t', [2 ** 32, 2 ** 30, 4], f32, 0), weights(64)],
    says: /"t".*2\^53 bytes or more/,
  },
  {
    name: 'empty tensor',
    bytes: [start(1, 0), tensor('t', [0, 4], f32, 0), weights(4)],
    says: /"t" of shape \[4, 0\] is empty/,
  },
  {
    name: 'rows that are not whole blocks',
    bytes: [start(1, 0), tensor('t', [255, 2], q4k, 0), weights(512)],
    says: /"t" of shape \[2, 255\] has rows that are not whole Q4_K blocks/,
  },
  {
    name: 'unknown ggml type',
    bytes: [start(1, 0), tensor('t', [256], 4, 0), weights(512)],
    says: /"t" has the ggml type 4, which is not known/,
  },
  {
    name: 'the same tensor twice',
    bytes: [start(2, 0), tensor('t', [8], f32, 0), tensor('t', [8], f32, 32), weights(64)],
    says: /two tensors have the name "t"/,
  },
  {
    name: 'name of 2 KB',
    bytes: [start(1, 0), tensor('t'.repeat(2000), [8], f32, 0), weights(64)],
    says: /name of tensor 0 is 2000, the limit is 1024/,
  },
  {
    name: 'misaligned tensor',
    bytes: [start(1, 0), tensor('t', [8], f32, 16), weights(64)],
    says: /"t" is at data byte 16, not a multiple of 32/,
  },
  {
    name: 'tensor beyond the end',
    bytes: [start(1, 0), tensor('t', [8], f32, 3200), weights(64)],
    says: /"t" has 32 bytes from byte \d+, but the file has/,
  },
  {
    name: 'tensor that ends beyond the end',
    bytes: [start(1, 0), tensor('t', [64], f32, 0), weights(64)],
    says: /"t" has 256 bytes from byte/,
  },
  {
    name: 'offset that wraps around 2^64',
    bytes: [start(1, 0), tensor('t', [8], f32, 2n ** 64n - 32n), weights(64)],
    says: /offset of tensor "t" is 18446744073709551584/,
  },
  {
    name: 'overlapping tensors',
    bytes: [start(2, 0), tensor('b', [8], f32, 32), tensor('a', [16], f32, 0), weights(64)],
    says: /tensors "a" and "b" overlap/,
  },
  {
    name: 'tensor infos that end early',
    bytes: [start(1, 0), tensor('t', [8], f32, 0).subarray(0, 27)],
    says: /needs \d+ bytes at byte \d+, but the file ends/,
  },
]

test.each(attacks)('$name', async ({ bytes, says }) => {
  const error = await refusal(readGguf(memorySource(Buffer.concat(bytes))))
  expect(error.message).toMatch(says)
  expect(error.code).toBe('GGUF_MALFORMED')
})

test('version 2 and the smallest file of all are lawful', async () => {
  expect(await readGguf(memorySource(start(0, 0, 2)))).toMatchObject({ tensors: [], size: 24 })
})

test('no declared length makes the reader allocate or read more than its caps, however large the file says it is', async () => {
  const hostile = [
    [start(2n ** 40n, 0)],
    [start(0, 1), u64(2n ** 50n)],
    [start(0, 1), key('k', types.string, u64(2n ** 50n))],
    [start(0, 1), array('k', types.string, 2n ** 50n)],
    [start(0, 2), array('k', types.u8, 2 ** 23, Buffer.alloc(2 ** 23)), array('l', types.u8, 1, Buffer.of(0))],
  ]
  for (const bytes of hostile) {
    const header = Buffer.concat(bytes)
    const source = memorySource(header, 2 ** 52)
    expect((await refusal(readGguf(source))).message).toContain('the limit is')
    expect(source.bytesRead).toBeLessThan(header.length + 2 ** 20)
  }
})

test('every truncation of a lawful header is refused, none hangs or crashes', async () => {
  const header = Buffer.concat([
    start(1, 2),
    key('a', types.string, text('value')),
    array('b', types.string, 2, text('x'), text('y')),
    tensor('t', [8], f32, 0),
    weights(64),
  ])
  await readGguf(memorySource(header))
  for (let length = 0; length < header.length - 96; length++) {
    expect((await refusal(readGguf(memorySource(header.subarray(0, length))))).code).toBe('GGUF_MALFORMED')
  }
})
