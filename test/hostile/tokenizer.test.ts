import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readTokenizer } from '#dist/model/tokenizer/read-tokenizer.js'
import { refusal } from '../helpers/refusal.ts'
import { type AnyJson, changeJson, smallTokenizerFolder } from '../helpers/tokenizer-folder.ts'

interface Damage {
  readonly name: string
  readonly file?: string
  readonly change: (json: AnyJson) => unknown
  readonly says: RegExp
}

const damages: readonly Damage[] = [
  { name: 'a list instead of an object', change: () => [], says: /is not a tokenizer file/ },
  { name: 'no model', change: ({ model, ...rest }) => rest, says: /model/ },
  {
    name: 'no vocabulary',
    change: ({ model }) => {
      delete model.vocab
    },
    says: /"vocab" is not an object/,
  },
  {
    name: 'an empty vocabulary',
    change: (json) => {
      json.model.vocab = {}
    },
    says: /"vocab" is empty/,
  },
  {
    name: 'a vocabulary that is a list',
    change: (json) => {
      json.model.vocab = ['a']
    },
    says: /not an object/,
  },
  {
    name: 'an id that is text',
    change: ({ model }) => {
      model.vocab.a = '64'
    },
    says: /"a" no id \(string\)/,
  },
  {
    name: 'a negative id',
    change: ({ model }) => {
      model.vocab.a = -1
    },
    says: /"a" no id \(-1\)/,
  },
  {
    name: 'a broken id',
    change: ({ model }) => {
      model.vocab.a = 0.5
    },
    says: /"a" no id \(0.5\)/,
  },
  {
    name: 'an id beyond 31 bits',
    change: ({ model }) => {
      model.vocab.a = 2 ** 31
    },
    says: /"a" no id/,
  },
  {
    name: 'two tokens of one id',
    change: ({ model }) => {
      model.vocab.a = 65
    },
    says: /the id 65 to two tokens/,
  },
  {
    name: 'half a surrogate pair',
    change: ({ model }) => {
      model.vocab['\ud800'] = 900
    },
    says: /not valid Unicode/,
  },
  {
    name: 'no merges',
    change: ({ model }) => {
      delete model.merges
    },
    says: /"merges" is not a list/,
  },
  {
    name: 'no merge at all',
    change: (json) => {
      json.model.merges = []
    },
    says: /holds no merges/,
  },
  {
    name: 'a merge of one token',
    change: ({ model }) => {
      model.merges[3] = 'Ġ'
    },
    says: /as merge 3, but "Ġ"/,
  },
  {
    name: 'a merge of three',
    change: ({ model }) => {
      model.merges[3] = ['a', 'b', 'c']
    },
    says: /as merge 3/,
  },
  {
    name: 'a merge of numbers',
    change: ({ model }) => {
      model.merges[3] = [1, 2]
    },
    says: /as merge 3/,
  },
  {
    name: 'a merge into a token that does not exist',
    change: ({ model }) => {
      model.merges[3] = 'Ġ z'
    },
    says: /merges "Ġ" with "z" \(merge 3\), but has no token "Ġz"/,
  },
  {
    name: 'a merge of a token that does not exist',
    change: ({ model }) => {
      model.merges[3] = 'zzz Ġ'
    },
    says: /has no token "zzz"/,
  },
  {
    name: 'an added token in the place of another',
    change: ({ added_tokens }) => {
      added_tokens[0].id = 299
    },
    says: /gives the id 299 to two tokens/,
  },
  {
    name: 'an added token of two ids',
    change: ({ added_tokens }) => {
      added_tokens.push({ id: 900, content: '<|im_end|>', special: true })
    },
    says: /"<\|im_end\|>" the ids 309 and 900/,
  },
  {
    name: 'an added token without id',
    change: ({ added_tokens }) => {
      delete added_tokens[0].id
    },
    says: /0\.id/,
  },
  {
    name: 'an empty added token',
    change: ({ added_tokens }) => {
      added_tokens[0].content = ''
    },
    says: /0\.content/,
  },
  {
    name: "a configuration with another model's tokens",
    file: 'tokenizer_config.json',
    change: (config) => {
      config.added_tokens_decoder = { 64: { content: '<|eot_id|>', special: true } }
    },
    says: /tokenizer_config\.json gives the id 64 to two tokens, "a" and "<\|eot_id\|>"/,
  },
  {
    name: 'a configuration with an id that is a word',
    file: 'tokenizer_config.json',
    change: (config) => {
      config.added_tokens_decoder = { first: { content: '<x>' } }
    },
    says: /id "first"/,
  },
  {
    name: 'a special token that is a number',
    file: 'tokenizer_config.json',
    change: (config) => {
      config.bos_token = 5
    },
    says: /bos_token/,
  },
  {
    name: 'a chat template that is an object',
    file: 'tokenizer_config.json',
    change: (config) => {
      config.chat_template = {}
    },
    says: /chat template/,
  },
  {
    name: 'a special-tokens map that is a text',
    file: 'special_tokens_map.json',
    change: () => 'nothing',
    says: /special_tokens_map\.json is not a tokenizer file/,
  },
]

test.each(damages)('refuses $name', async ({ file = 'tokenizer.json', change, says }) => {
  const folder = await smallTokenizerFolder()
  await changeJson(folder, file, change)
  const error = await refusal(readTokenizer(folder))
  expect(error.code).toBe('TOKENIZER_MALFORMED')
  expect(error.message).toMatch(says)
  expect(error.message).toContain(folder)
  expect(error.message.length).toBeLessThan(1000)
  expect(error.hint).toBeDefined()
})

test.each(['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'])(
  'refuses a cut-off %s',
  async (file) => {
    const folder = await smallTokenizerFolder()
    const whole = await readFile(join(folder, file))
    for (const share of [0, 0.3, 0.9]) {
      await writeFile(join(folder, file), whole.subarray(0, Math.floor(whole.length * share)))
      const error = await refusal(readTokenizer(folder))
      expect(error.code).toBe('TOKENIZER_MALFORMED')
      expect(error.message).toMatch(/is not JSON/)
    }
  },
)

test('refuses bytes that are no UTF-8', async () => {
  const folder = await smallTokenizerFolder()
  const bytes = await readFile(join(folder, 'tokenizer.json'))
  bytes[bytes.indexOf('dummy')] = 0xff
  await writeFile(join(folder, 'tokenizer.json'), bytes)
  expect((await refusal(readTokenizer(folder))).message).toMatch(/not UTF-8/)
})

test.each([
  ['vocab.json', '[1, 2]', /not an object/],
  ['vocab.json', '{', /not JSON/],
  ['merges.txt', '#version: 0.2\nĠ Ġ Ġ\n', /as merge 0/],
  ['merges.txt', '#version: 0.2\n', /holds no merges/],
  ['added_tokens.json', '{"<x>": "y"}', /not a token id/],
])('refuses a damaged %s: %s', async (file, text, says) => {
  const folder = await smallTokenizerFolder({ files: 'vocab.json' })
  await writeFile(join(folder, file), text)
  const error = await refusal(readTokenizer(folder))
  expect(error.code).toBe('TOKENIZER_MALFORMED')
  expect(error.message).toMatch(says)
})

test('survives a post-processor nested 20 000 deep', async () => {
  const folder = await smallTokenizerFolder()
  const path = join(folder, 'tokenizer.json')
  const { post_processor, ...json } = JSON.parse(await readFile(path, 'utf8'))
  const nested = `${'{"type":"Sequence","processors":['.repeat(20_000)}${JSON.stringify(post_processor)}${']}'.repeat(20_000)}`
  await writeFile(path, `{"post_processor":${nested},${JSON.stringify(json).slice(1)}`)
  expect((await readTokenizer(folder)).vocabulary.size).toBe(396)
})

test('takes a token named like a property of every object for a token', async () => {
  const folder = await smallTokenizerFolder()
  const path = join(folder, 'tokenizer.json')
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace('"vocab":{', '"vocab":{"__proto__":900,"constructor":901,'))
  const { vocabulary } = await readTokenizer(folder)
  expect([vocabulary.get('__proto__'), vocabulary.get('constructor')]).toEqual([900, 901])
})
