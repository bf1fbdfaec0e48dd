import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getEncoding } from 'js-tiktoken'
import cl100k from 'js-tiktoken/ranks/cl100k_base'
import { expect, test } from 'vitest'
import { readTokenizer } from '#dist/model/tokenizer/read-tokenizer.js'
import { hasToken } from '#dist/model/tokenizer/tokenizer.js'
import { writeCl100kTokenizer } from '../../../fixtures/cl100k-tokenizer.ts'
import { refusal } from '../../helpers/refusal.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'
import { changedTokenizer, changeJson, smallTokenizerFolder } from '../../helpers/tokenizer-folder.ts'

test('reads Phi-4: 100256 tokens of cl100k, 100000 merges, 96 added tokens up to id 100351', async () => {
  const folder = await temporaryFolder()
  await writeCl100kTokenizer(folder)
  const tokenizer = await readTokenizer(folder)
  expect(tokenizer.kind).toBe('byte-level-bpe')
  expect(tokenizer.vocabulary.size).toBe(100352)
  expect(tokenizer.merges).toHaveLength(100000)
  expect(tokenizer.added.size).toBe(96)
  expect(tokenizer.highestId).toBe(100351)
  expect(hasToken(tokenizer, '<|im_sep|>')).toBe(true)
  expect(hasToken(tokenizer, '<|eot_id|>')).toBe(false)
  for (const [text, id] of Object.entries(cl100k.special_tokens)) expect(tokenizer.vocabulary.get(text)).toBe(id)
  expect(Object.fromEntries(tokenizer.specialIds)).toEqual({ bos: 100257, eos: 100265, unk: 100257, pad: 100349 })
})

test('encodes as tiktoken does', async () => {
  const folder = await temporaryFolder()
  await writeCl100kTokenizer(folder)
  const tokenizer = await readTokenizer(folder)
  const text = "Hello, wörld!\n\n  if (x === 12345) { return '日本語' }\t🚀"
  expect(tokenizer.encode(text)).toEqual(getEncoding('cl100k_base').encode(text))
})

test('reads merges written as pairs to the same as merges written as text', async () => {
  const texts = await readTokenizer(await smallTokenizerFolder({ merges: 'strings' }))
  const pairs = await readTokenizer(await smallTokenizerFolder({ merges: 'pairs' }))
  expect(pairs.merges).toEqual(texts.merges)
  expect(pairs.merges[0]).toBe('Ġ Ġ')
})

test('writes a space inside a merged token as the alphabet does', async () => {
  const tokenizer = await changedTokenizer(({ model }) => {
    model.vocab['a b'] = 600
    model.vocab[' b'] = 601
    model.merges = [['a', ' b']]
  })
  expect(tokenizer.merges).toEqual(['a Ġb'])
})

test('falls back on vocab.json, merges.txt and added_tokens.json', async () => {
  const whole = await readTokenizer(await smallTokenizerFolder())
  const older = await readTokenizer(await smallTokenizerFolder({ files: 'vocab.json' }))
  expect(new Map(older.vocabulary)).toEqual(new Map(whole.vocabulary))
  expect(older.merges).toEqual(whole.merges)
  expect(older.added).toEqual(whole.added)
  expect(older.specialIds).toEqual(whole.specialIds)
})

test('takes merges.txt where tokenizer.json has no merges', async () => {
  const folder = await smallTokenizerFolder()
  await changeJson(folder, 'tokenizer.json', (json) => {
    json.model.merges = []
  })
  await writeFile(join(folder, 'merges.txt'), '#version: 0.2\r\nĠ Ġ\r\n\r\ni n\r\n')
  expect((await readTokenizer(folder)).merges).toEqual(['Ġ Ġ', 'i n'])
})

test('learns of added tokens from tokenizer_config.json, and of their nature', async () => {
  const tokenizer = await changedTokenizer(
    ({ added_tokens }) => {
      added_tokens[0].special = false
      added_tokens.pop()
    },
    (config) => {
      config.added_tokens_decoder['700'] = { content: '<think>', special: false }
    },
  )
  expect(tokenizer.added.get(300)).toEqual({ id: 300, text: '<|dummy_0|>', special: true })
  expect(tokenizer.added.get(395)?.text).toBe('<|dummy_87|>')
  expect(tokenizer.added.get(700)).toEqual({ id: 700, text: '<think>', special: false })
  expect(tokenizer.highestId).toBe(700)
})

test('sees lower-casing wherever it stands among the normalizers', async () => {
  const nested = { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] }
  expect((await changedTokenizer((json) => ({ ...json, normalizer: nested }))).lowercase).toBe(true)
  expect((await changedTokenizer(() => {})).lowercase).toBe(false)
})

test.each([
  ['Unigram', { type: 'Unigram', vocab: [['<unk>', 0]] }, /SentencePiece \(Unigram\)/],
  ['WordPiece', { type: 'WordPiece', vocab: { a: 0 } }, /WordPiece/],
  ['BPE with byte fallback', { type: 'BPE', byte_fallback: true, vocab: { a: 0 }, merges: [] }, /SentencePiece-style/],
])('refuses %s by name', async (_, model, says) => {
  const folder = await smallTokenizerFolder()
  await changeJson(folder, 'tokenizer.json', (json) => ({ ...json, model }))
  const error = await refusal(readTokenizer(folder))
  expect(error.code).toBe('MODEL_UNSUPPORTED')
  expect(error.message).toMatch(says)
})

test('refuses BPE over characters instead of bytes', async () => {
  const folder = await smallTokenizerFolder()
  await changeJson(folder, 'tokenizer.json', (json) => ({
    ...json,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁' },
    decoder: { type: 'Metaspace', replacement: '▁' },
  }))
  expect((await refusal(readTokenizer(folder))).code).toBe('MODEL_UNSUPPORTED')
})

test.each([
  ['tokenizer.model', 'SentencePiece'],
  ['tekken.json', 'Tekken'],
])('refuses a folder with only %s by name', async (file, kind) => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, file), 'anything')
  const error = await refusal(readTokenizer(folder))
  expect(error.code).toBe('MODEL_UNSUPPORTED')
  expect(error.message).toContain(kind)
})

test('misses the tokenizer of a folder that has none, or half of one', async () => {
  const folder = await temporaryFolder()
  expect((await refusal(readTokenizer(folder))).code).toBe('TOKENIZER_MISSING')
  await writeCl100kTokenizer(folder, { tokens: 300, files: 'vocab.json' })
  await rm(join(folder, 'merges.txt'))
  const error = await refusal(readTokenizer(folder))
  expect(error.code).toBe('TOKENIZER_MISSING')
  expect(error.retry).toBe(true)
})
