import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import { expect, test } from 'vitest'
import { blockTypes, ggmlTypeNames } from '#dist/formats/ggml/block-types.js'
import { type GgufLayout, type GgufTensorInfo, layOut } from '#dist/formats/gguf/layout.js'
import { bool, f32, type GgufMetadata, type GgufValue, i32s, string, strings, u32 } from '#dist/formats/gguf/values.js'
import { oracleLibraries } from '../../helpers/llama-cpp.ts'
import { openLlamaGguf } from '../../helpers/llama-gguf.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

/** More than the padding behind a header: cutting it off takes some of the last tensor info. */
const alignedTail = 70

const libraries = oracleLibraries()
const noOracle = 'missing' in libraries ? libraries.missing : undefined

const metadata: GgufMetadata = new Map<string, GgufValue>([
  ['general.architecture', string('phi3')],
  ['general.name', string('Übung 🜁')],
  ['general.languages', strings(['en', '', '中文'])],
  ['phi3.context_length', u32(16384)],
  ['phi3.attention.layer_norm_rms_epsilon', f32(1e-5)],
  ['tokenizer.ggml.add_bos_token', bool(false)],
  ['tokenizer.ggml.token_type', i32s([1, -3, 2 ** 31 - 1])],
  ['test.u8', { type: 'u8', value: 255 }],
  ['test.i8', { type: 'i8', value: -128 }],
  ['test.u16', { type: 'u16', value: 65535 }],
  ['test.i16', { type: 'i16', value: -32768 }],
  ['test.u64', { type: 'u64', value: 2n ** 64n - 1n }],
  ['test.i64', { type: 'i64', value: -(2n ** 63n) }],
  ['test.f64', { type: 'f64', value: Math.PI }],
  ['test.bools', { type: 'array', of: 'bool', value: [true, false, true] }],
  ['test.f32s', { type: 'array', of: 'f32', value: [0.5, -2] }],
])

const tensors: GgufTensorInfo[] = [
  { name: 'token_embd.weight', shape: [6, 512], type: 'Q4_K' },
  // 7 × 4 bytes: the next must be moved to the alignment.
  { name: 'blk.0.attn_norm.weight', shape: [7], type: 'F32' },
  ...ggmlTypeNames.map((type) => ({ name: `every.${type}`, shape: [3, 5, 256], type })),
  { name: 'blk.0.ffn.weight', shape: [2, 3, 4, 32], type: 'Q8_0' },
  { name: 'last', shape: [1], type: 'F16' },
]

async function write(layout: GgufLayout): Promise<string> {
  const path = join(await temporaryFolder(), 'file.gguf')
  await writeFile(path, layout.header)
  await truncate(path, layout.size)
  return path
}

test('an independent reader finds every value and every tensor where it was laid', async () => {
  const layout = layOut(metadata, tensors)
  const read = await gguf(await write(layout), { allowLocalFile: true, typedMetadata: true })
  for (const [key, expected] of metadata) {
    const found = read.typedMetadata[key] as { value: unknown } | undefined
    const value = expected.type === 'f32' ? Math.fround(expected.value) : expected.value
    expect(found?.value, key).toEqual(value)
  }
  expect(read.metadata.version).toBe(3)
  expect(Object.keys(read.metadata).length).toBe(metadata.size + 3)
  expect(Number(read.tensorDataOffset)).toBe(layout.header.length)
  const found = read.tensorInfos.map(({ name, shape, dtype, offset }) => ({
    name,
    shape: shape.map(Number).toReversed(),
    id: dtype as number,
    offset: Number(offset) + layout.header.length,
  }))
  expect(found).toEqual(
    layout.tensors.map(({ name, shape, type, offset }) => ({ name, shape, id: blockTypes[type].id, offset })),
  )
})

test.skipIf(noOracle)(`llama.cpp writes the same header, byte for byte ${noOracle ?? ''}`, async () => {
  const llama = openLlamaGguf()
  for (const alignment of [undefined, 64]) {
    const aligned = new Map(metadata)
    if (alignment !== undefined) aligned.set('general.alignment', u32(alignment))
    const layout = layOut(aligned, tensors)
    const path = await write(layout)
    expect(llama.rewriteHeader(path, `${path}.again`)).toBe(true)
    expect(Buffer.compare(await readFile(`${path}.again`), layout.header)).toBe(0)
    await writeFile(path, layout.header.subarray(0, -alignedTail))
    expect(llama.rewriteHeader(path, `${path}.again`), 'a shortened header').toBe(false)
  }
})

test('tensors are aligned and follow one another, and the last is padded too', () => {
  for (const alignment of [32, 4096]) {
    const layout = layOut(new Map([['general.alignment', u32(alignment)]]), tensors)
    let expected = layout.header.length
    for (const { offset, byteLength } of layout.tensors) {
      expect(offset).toBe(expected)
      expected = Math.ceil((offset + byteLength) / alignment) * alignment
    }
    expect(layout.header.length % alignment).toBe(0)
    expect(layout.size).toBe(expected)
  }
})

test('sizes beyond 2^32 keep every byte', () => {
  const {
    tensors: placed,
    size,
    header,
  } = layOut(new Map(), [
    { name: 'a', shape: [2 ** 21 + 1, 2 ** 12], type: 'F32' },
    { name: 'b', shape: [1], type: 'F32' },
  ])
  expect(placed[1]?.offset).toBe(header.length + 2 ** 35 + 2 ** 14)
  expect(size).toBe(header.length + 2 ** 35 + 2 ** 14 + 32)
})

test('a vocabulary of 100 000 tokens is laid out in a moment', () => {
  const tokens = Array.from({ length: 100_352 }, (_, index) => `token Ġ${index}`)
  const merges = tokens.map((token, index) => `${token} ${index}`)
  const before = performance.now()
  const vocabulary = new Map<string, GgufValue>([
    ['tokenizer.ggml.tokens', strings(tokens)],
    ['tokenizer.ggml.token_type', i32s(tokens.map(() => 1))],
    ['tokenizer.ggml.merges', strings(merges)],
  ])
  expect(layOut(vocabulary, []).size).toBeGreaterThan(4_000_000)
  // About 0.1 s here; growing the buffer value by value would take minutes.
  expect(performance.now() - before).toBeLessThan(3000)
})

const one = (value: GgufValue) => () => layOut(new Map([['key', value]]), [])
const tensor = (part: Partial<GgufTensorInfo>) => () =>
  layOut(new Map(), [{ name: 'a', shape: [256], type: 'Q4_K', ...part }])

test.each([
  ['a u32 beyond its range', one(u32(2 ** 32))],
  ['a negative u32', one(u32(-1))],
  ['a u32 with a fraction', one(u32(1.5))],
  ['an i32 array beyond its range', one(i32s([2 ** 31]))],
  ['a u64 beyond its range', one({ type: 'u64', value: 2n ** 64n })],
  ['text that is not Unicode', one(string('\ud800'))],
  ['text in a list that is not Unicode', one(strings(['a', '\udc00']))],
  ['an empty key', () => layOut(new Map([['', u32(1)]]), [])],
  ['an alignment of 24', () => layOut(new Map([['general.alignment', u32(24)]]), [])],
  ['an alignment that is text', () => layOut(new Map([['general.alignment', string('32')]]), [])],
  ['rows that are not whole blocks', tensor({ shape: [2, 128] })],
  ['no dimension', tensor({ shape: [] })],
  ['five dimensions', tensor({ shape: [1, 1, 1, 1, 256] })],
  ['an empty dimension', tensor({ shape: [0, 256] })],
  ['a size of 2^53 bytes', tensor({ shape: [2 ** 50, 256] })],
  ['a name of 64 bytes', tensor({ name: 'ä'.repeat(32) })],
  ['a name twice', () => layOut(new Map(), [...tensors, ...tensors.slice(0, 1)])],
])('refused: %s', (_, work) => {
  expect(work).toThrow(RangeError)
})
