import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tokenizerMetadata } from '#dist/model/tokenizer/metadata.js'
import { readTokenizer } from '#dist/model/tokenizer/read-tokenizer.js'
import type { Tokenizer } from '#dist/model/tokenizer/tokenizer.js'
import { changedTokenizer, changeJson, smallTokenizerFolder } from '../../helpers/tokenizer-folder.ts'

const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } })
const template = (single: unknown[], pair: unknown[] = []) => ({ type: 'TemplateProcessing', single, pair })

/** What is written about special tokens, without the common prefix of the keys. */
function written(tokenizer: Tokenizer): Record<string, unknown> {
  const entries = tokenizerMetadata(tokenizer, { embeddingRows: 400, pre: 'dbrx' }).slice(5)
  return Object.fromEntries(
    entries
      .filter(([key]) => key.startsWith('tokenizer.ggml.'))
      .map(([key, { value }]) => [key.slice('tokenizer.ggml.'.length), value]),
  )
}

const endoftext = 301
const imEnd = 309
const plain = { bos_token_id: endoftext, eos_token_id: imEnd, unknown_token_id: endoftext, padding_token_id: 393 }

test('writes no add-flag where nothing speaks of one', async () => {
  expect(written(await changedTokenizer(() => {}))).toEqual(plain)
})

test("adds BOS where the template begins with it, as Llama 3's does", async () => {
  const tokenizer = await changedTokenizer((json) => {
    json.post_processor = {
      type: 'Sequence',
      processors: [{ type: 'ByteLevel' }, template([special('<|endoftext|>'), sequence('A')])],
    }
  })
  expect(written(tokenizer)).toEqual({ ...plain, add_bos_token: true })
})

test('believes add_bos_token of tokenizer_config.json over the template', async () => {
  const tokenizer = await changedTokenizer(
    (json) => {
      json.post_processor = template([special('<|endoftext|>'), sequence('A')])
    },
    (config) => {
      config.add_bos_token = false
      config.add_eos_token = true
    },
  )
  expect(written(tokenizer)).toEqual({ ...plain, add_bos_token: false, add_eos_token: true })
})

test('takes the token that ends the template for EOS, and the one named so for the end of a turn', async () => {
  const tokenizer = await changedTokenizer((json) => {
    json.post_processor = template([sequence('A'), special('<|endoftext|>')])
  })
  expect(written(tokenizer)).toEqual({
    ...plain,
    eos_token_id: endoftext,
    eot_token_id: imEnd,
    add_eos_token: true,
  })
})

test('says that a separator stands between two texts', async () => {
  const tokenizer = await changedTokenizer((json) => {
    json.post_processor = template(
      [special('<|endoftext|>'), sequence('A')],
      [special('<|endoftext|>'), sequence('A'), special('<|im_end|>'), sequence('B')],
    )
  })
  expect(written(tokenizer)).toEqual({
    ...plain,
    seperator_token_id: imEnd,
    add_bos_token: true,
    add_sep_token: true,
  })
})

test("adds BOS, EOS and separator as RoBERTa's post-processor does", async () => {
  const tokenizer = await changedTokenizer((json) => {
    json.post_processor = { type: 'RobertaProcessing', cls: ['<|endoftext|>', endoftext], sep: ['<|im_end|>', imEnd] }
  })
  expect(written(tokenizer)).toEqual({
    ...plain,
    seperator_token_id: imEnd,
    add_bos_token: true,
    add_eos_token: true,
    add_sep_token: true,
  })
})

test('reads names that are written with their properties', async () => {
  const tokenizer = await changedTokenizer(
    () => {},
    (config) => {
      config.bos_token = { content: '<|im_start|>', lstrip: false }
    },
  )
  expect(written(tokenizer)).toEqual({ ...plain, bos_token_id: 308 })
})

test('takes names from special_tokens_map.json that tokenizer_config.json lacks', async () => {
  const folder = await smallTokenizerFolder()
  await rm(join(folder, 'tokenizer_config.json'))
  expect(written(await readTokenizer(folder))).toEqual(plain)
})

test('takes ids from config.json where no file names a token, if they are added tokens', async () => {
  const folder = await smallTokenizerFolder()
  await rm(join(folder, 'special_tokens_map.json'))
  await changeJson(folder, 'tokenizer_config.json', () => ({ eos_token: '<|im_end|>' }))
  const config = { bos_token_id: 301, eos_token_id: 2, pad_token_id: 17, sep_token_id: 5000, mask_token_id: null }
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  expect(written(await readTokenizer(folder))).toEqual({ eos_token_id: imEnd, bos_token_id: 301 })
})

test('makes a special token that stands in the vocabulary as text a control token', async () => {
  const tokenizer = await changedTokenizer(
    (json) => {
      json.model.vocab['<s>'] = 396
    },
    (config) => {
      config.bos_token = '<s>'
    },
  )
  expect(tokenizer.added.get(396)).toEqual({ id: 396, text: '<s>', special: true })
  expect(written(tokenizer)).toEqual({ ...plain, bos_token_id: 396 })
})

test('leaves out a name that no token has', async () => {
  const tokenizer = await changedTokenizer(
    () => {},
    (config) => {
      config.pad_token = '[PAD]'
    },
  )
  const { padding_token_id, ...rest } = plain
  expect(padding_token_id).toBe(393)
  expect(written(tokenizer)).toEqual(rest)
})
