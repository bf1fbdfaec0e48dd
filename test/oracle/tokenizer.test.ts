import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { getEncoding } from 'js-tiktoken'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { layOut } from '#dist/formats/gguf/layout.js'
import { type GgufMetadata, string } from '#dist/formats/gguf/values.js'
import { tokenizerMetadata } from '#dist/model/tokenizer/metadata.js'
import { preTokenizerNames } from '#dist/model/tokenizer/pre-tokenizer-names.js'
import { readTokenizer } from '#dist/model/tokenizer/read-tokenizer.js'
import type { Tokenizer } from '#dist/model/tokenizer/tokenizer.js'
import { writeCl100kTokenizer } from '../../fixtures/cl100k-tokenizer.ts'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { type LoadedModel, loadModel, refusedVocabularies } from '../helpers/llama-runtime.ts'
import { sampleTexts } from '../helpers/sample-texts.ts'

const libraries = oracleLibraries()
const title =
  'missing' in libraries ? `the vocabulary in llama.cpp (skipped: ${libraries.missing})` : 'the vocabulary in llama.cpp'

/** Pieces that texts are made of: where they meet is where pre-tokenizers differ. */
const pieces = fc.oneof(
  fc.constantFrom(' ', '  ', '\t', '\n', '\r\n', '\n\n', ' \n', "'s", "'LL", "'", '...', '0', '42', '12345', 'é', 'ß'),
  fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 6 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }),
)
const mixed = fc.array(pieces, { maxLength: 24 }).map((parts) => parts.join(''))

/** A GGUF without tensors, which llama.cpp reads as a vocabulary. */
async function writeGguf(path: string, metadata: GgufMetadata): Promise<string> {
  await writeFile(path, layOut(new Map([['general.architecture', string('phi3')], ...metadata]), []).header)
  return path
}

function writeVocabulary(tokenizer: Tokenizer, path: string, embeddingRows: number, pre?: string): Promise<string> {
  return writeGguf(path, new Map(tokenizerMetadata(tokenizer, { embeddingRows, pre })))
}

describe.skipIf('missing' in libraries)(title, () => {
  let folder: string
  let phi4: Tokenizer
  let model: LoadedModel

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mibera-vocabulary-'))
    await writeCl100kTokenizer(folder)
    phi4 = await readTokenizer(folder)
    model = await loadModel(await writeVocabulary(phi4, join(folder, 'phi4.gguf'), 100_400), { vocabOnly: true })
  })

  afterAll(async () => {
    model?.free()
    await rm(folder, { recursive: true, force: true })
  })

  async function expectTiktokensIds(texts: readonly string[]): Promise<void> {
    const tiktoken = getEncoding('cl100k_base')
    const ids = await model.tokenizeAll(texts)
    const wrong = texts.filter((text, index) => String(ids[index]) !== String(tiktoken.encode(text, [], [])))
    expect(wrong).toEqual([])
  }

  test('gives the ids of tiktoken on texts chosen for their difficulty', async () => {
    expect(sampleTexts.length).toBeGreaterThan(150)
    await expectTiktokensIds(sampleTexts)
  })

  test('gives the ids of tiktoken on 500 mixed texts', async () => {
    await expectTiktokensIds(fc.sample(mixed, { numRuns: 500, seed: 20260721 }))
  })

  test('knows the special tokens, and reads them only where asked to', async () => {
    expect(await model.specialId('bos')).toBe(100257)
    expect(await model.specialId('eos')).toBe(100265)
    expect(await model.specialId('pad')).toBe(100349)
    const turn = '<|im_start|>user<|im_sep|>Hi<|im_end|>'
    expect(await model.tokenize(turn, { parseSpecial: true })).toEqual([100264, 882, 100266, 13347, 100265])
    expect(await model.tokenize(turn, { parseSpecial: false })).not.toContain(100264)
    expect(await model.tokenize('Hi', { addSpecial: true })).toEqual([13347])
  })

  test('has unused tokens in the rows that the tokenizer leaves free', async () => {
    expect(model.tokens).toBe(100_400)
    expect(await model.token(100_351)).toEqual({ text: '<|dummy_87|>', control: true })
    expect(await model.token(100_352)).toEqual({ text: '[PAD100352]', control: false })
  })

  test('the sample texts tell another pre-tokenizer apart', async () => {
    const path = await writeVocabulary(phi4, join(folder, 'gpt-2.gguf'), 100_352, 'gpt-2')
    const other = await loadModel(path, { vocabOnly: true })
    expect(await other.tokenizeAll(sampleTexts)).not.toEqual(await model.tokenizeAll(sampleTexts))
    other.free()
  })

  test('every name that --pre takes is known to llama.cpp', async () => {
    await writeCl100kTokenizer(folder, { tokens: 300 })
    const tokenizer = await readTokenizer(folder)
    const paths = await Promise.all(
      [...preTokenizerNames].map((pre) => writeVocabulary(tokenizer, join(folder, `${pre}.gguf`), 400, pre)),
    )
    expect(paths.length).toBeGreaterThan(80)
    expect(await refusedVocabularies(paths)).toEqual([])
  })

  test('a name that --pre refuses is refused by llama.cpp too', async () => {
    await writeCl100kTokenizer(folder, { tokens: 300 })
    const entries = new Map(tokenizerMetadata(await readTokenizer(folder), { embeddingRows: 400, pre: 'dbrx' }))
    entries.set('tokenizer.ggml.pre', string('drbx'))
    const path = await writeGguf(join(folder, 'drbx.gguf'), entries)
    expect(await refusedVocabularies([path])).toEqual([path])
  })
})
