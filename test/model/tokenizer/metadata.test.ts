import { expect, test } from 'vitest'
import type { GgufValue } from '#dist/formats/gguf/values.js'
import { tokenizerMetadata } from '#dist/model/tokenizer/metadata.js'
import { readTokenizer } from '#dist/model/tokenizer/read-tokenizer.js'
import type { Tokenizer } from '#dist/model/tokenizer/tokenizer.js'
import { chatTemplate } from '../../../fixtures/phi4-special-tokens.ts'
import { changedTokenizer, smallTokenizerFolder } from '../../helpers/tokenizer-folder.ts'

const small = async () => readTokenizer(await smallTokenizerFolder())

const entries = (tokenizer: Tokenizer, embeddingRows = 400) =>
  new Map<string, GgufValue>(tokenizerMetadata(tokenizer, { embeddingRows, pre: 'dbrx' }))

const values = (map: Map<string, GgufValue>, key: string) => map.get(key)?.value as readonly unknown[]

test("writes the keys in the converter's order", async () => {
  expect([...entries(await small()).keys()]).toEqual([
    'tokenizer.ggml.model',
    'tokenizer.ggml.pre',
    'tokenizer.ggml.tokens',
    'tokenizer.ggml.token_type',
    'tokenizer.ggml.merges',
    'tokenizer.ggml.bos_token_id',
    'tokenizer.ggml.eos_token_id',
    'tokenizer.ggml.unknown_token_id',
    'tokenizer.ggml.padding_token_id',
    'tokenizer.chat_template',
  ])
})

test('writes models, names and ids of Phi-4', async () => {
  const map = entries(await small())
  expect(map.get('tokenizer.ggml.model')).toEqual({ type: 'string', value: 'gpt2' })
  expect(map.get('tokenizer.ggml.pre')).toEqual({ type: 'string', value: 'dbrx' })
  expect(map.get('tokenizer.ggml.bos_token_id')).toEqual({ type: 'u32', value: 301 })
  expect(map.get('tokenizer.ggml.eos_token_id')).toEqual({ type: 'u32', value: 309 })
  expect(map.get('tokenizer.ggml.padding_token_id')).toEqual({ type: 'u32', value: 393 })
  expect(map.get('tokenizer.chat_template')).toEqual({ type: 'string', value: chatTemplate })
  expect(map.get('tokenizer.ggml.token_type')).toMatchObject({ type: 'array', of: 'i32' })
})

test('fills rows without a token with unused ones', async () => {
  const map = entries(await small(), 400)
  expect(values(map, 'tokenizer.ggml.tokens')).toHaveLength(400)
  expect(values(map, 'tokenizer.ggml.tokens').slice(395)).toEqual([
    '<|dummy_87|>',
    ...['[PAD396]', '[PAD397]', '[PAD398]', '[PAD399]'],
  ])
  expect(values(map, 'tokenizer.ggml.token_type').slice(298, 302)).toEqual([1, 1, 3, 3])
  expect(values(map, 'tokenizer.ggml.token_type').slice(395)).toEqual([3, 5, 5, 5, 5])
})

test('fills a gap among the ids', async () => {
  const tokenizer = await changedTokenizer(({ added_tokens }) => {
    added_tokens.push({ id: 399, content: '<extra>', special: false })
  })
  expect(values(entries(tokenizer), 'tokenizer.ggml.tokens').slice(396)).toEqual([
    ...['[PAD396]', '[PAD397]', '[PAD398]', '<extra>'],
  ])
})

test('types added tokens by what they are or look like', async () => {
  const cases = [
    { content: '<think>', special: false, type: 4, text: '<think>' },
    { content: '▁▁', special: false, type: 4, text: '  ' },
    { content: '<tool>', special: true, type: 3, text: '<tool>' },
    { content: '<|user|>', special: false, type: 3, text: '<|user|>' },
    { content: '<｜User｜>', special: false, type: 3, text: '<｜User｜>' },
    { content: '<unused7>', special: false, type: 3, text: '<unused7>' },
    { content: '<pad>', special: false, type: 3, text: '<pad>' },
  ]
  const tokenizer = await changedTokenizer(({ added_tokens }) => {
    for (const [index, { content, special }] of cases.entries())
      added_tokens.push({ id: 400 + index, content, special })
  })
  const map = entries(tokenizer, 500)
  expect(values(map, 'tokenizer.ggml.tokens').slice(400, 407)).toEqual(cases.map(({ text }) => text))
  expect(values(map, 'tokenizer.ggml.token_type').slice(400, 407)).toEqual(cases.map(({ type }) => type))
})

test('writes several chat templates by name, and the default one under the plain key', async () => {
  const tokenizer = await changedTokenizer(
    () => {},
    (config) => {
      config.chat_template = [
        { name: 'default', template: 'D' },
        { name: 'tool use', template: 'T' },
        { name: 'rag', template: 'R' },
      ]
    },
  )
  expect([...entries(tokenizer)].slice(-4)).toEqual([
    ['tokenizer.chat_template.tool_use', { type: 'string', value: 'T' }],
    ['tokenizer.chat_template.rag', { type: 'string', value: 'R' }],
    ['tokenizer.chat_templates', { type: 'array', of: 'string', value: ['tool_use', 'rag'] }],
    ['tokenizer.chat_template', { type: 'string', value: 'D' }],
  ])
})

test('refuses an embedding with too few rows, naming both numbers', async () => {
  const tokenizer = await small()
  expect(() => entries(tokenizer, 395)).toThrow(
    expect.objectContaining({ code: 'TOKENIZER_TOO_LARGE', message: expect.stringMatching(/id 395\b.*395 rows/) }),
  )
  expect(() => entries(tokenizer, 396)).not.toThrow()
})
