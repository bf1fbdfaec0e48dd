import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import cl100k from 'js-tiktoken/ranks/cl100k_base'
import gpt2 from 'js-tiktoken/ranks/gpt2'
import o200k from 'js-tiktoken/ranks/o200k_base'
import { expect, test } from 'vitest'
import { preTokenizerHash, preTokenizerName } from '#dist/model/tokenizer/pre-tokenizer.js'
import { preTokenizerByHash } from '#dist/model/tokenizer/pre-tokenizer-hashes.js'
import { readTokenizer } from '#dist/model/tokenizer/read-tokenizer.js'
import { byteLevelTokenizer } from '../../../fixtures/byte-level-tokenizer.ts'
import { bytePairVocabulary } from '../../../fixtures/byte-pair-vocabulary.ts'
import { writeCl100kTokenizer } from '../../../fixtures/cl100k-tokenizer.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'
import { changedTokenizer } from '../../helpers/tokenizer-folder.ts'

test.each(['strings', 'pairs'] as const)("finds Phi-4's name, dbrx, with merges as %s", async (merges) => {
  const folder = await temporaryFolder()
  await writeCl100kTokenizer(folder, { merges })
  const tokenizer = await readTokenizer(folder)
  expect(preTokenizerHash(tokenizer)).toBe('a8594e3edff7c29c003940395316294b2c623e09894deebbc65f33f1515df79e')
  expect(preTokenizerName(tokenizer, undefined)).toBe('dbrx')
})

test.each([
  ['o200k', o200k, o200k.pat_str, 'gpt-4o'],
  ['GPT-2', gpt2, undefined, 'gpt-2'],
  ["cl100k with tiktoken's own expression", cl100k, cl100k.pat_str, 'dbrx'],
])('finds the name of %s', async (_, encoding, split, name) => {
  const folder = await temporaryFolder()
  const tokens = encoding.bpe_ranks.split(/[\n ]/).length
  const json = byteLevelTokenizer(bytePairVocabulary(encoding.bpe_ranks, tokens), split)
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json))
  expect(preTokenizerName(await readTokenizer(folder), undefined)).toBe(name)
})

test('asks for --pre where the hash is new, and tells the hash', async () => {
  const tokenizer = await changedTokenizer(() => {})
  const hash = preTokenizerHash(tokenizer)
  expect(() => preTokenizerName(tokenizer, undefined)).toThrow(
    expect.objectContaining({
      code: 'PRE_TOKENIZER_UNKNOWN',
      message: expect.stringContaining(hash),
      hint: expect.stringContaining('--pre'),
    }),
  )
})

test('asks for --pre where the pre-tokenizer cannot be run', async () => {
  const tokenizer = await changedTokenizer((json) => {
    json.pre_tokenizer.pretokenizers.unshift({ type: 'Unheard-of' })
  })
  expect(() => preTokenizerName(tokenizer, undefined)).toThrow(
    expect.objectContaining({ code: 'PRE_TOKENIZER_UNKNOWN', hint: expect.stringContaining('--pre') }),
  )
})

test('believes --pre without looking, if llama.cpp knows the name', async () => {
  const tokenizer = await changedTokenizer(() => {})
  expect(preTokenizerName(tokenizer, 'llama-bpe')).toBe('llama-bpe')
  expect(() => preTokenizerName(tokenizer, 'drbx')).toThrow(
    expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining('--pre dbrx') }),
  )
  expect(() => preTokenizerName(tokenizer, 'something quite different')).toThrow(
    expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining('llama-bpe') }),
  )
})

test('has no misspelt hash in its table', () => {
  for (const hash of preTokenizerByHash.keys()) expect(hash).toMatch(/^[0-9a-f]{64}$/)
})
