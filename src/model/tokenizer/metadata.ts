import { MiberaError } from '../../base/errors.ts'
import { bool, type GgufValue, i32s, string, strings, u32 } from '../../formats/gguf/values.ts'
import { preTokenizerName } from './pre-tokenizer.ts'
import { tokenList } from './token-list.ts'
import type { ChatTemplate, SpecialRole, Tokenizer } from './tokenizer.ts'

type Entry = readonly [key: string, value: GgufValue]

export interface TokenizerMetadataOptions {
  /** Rows of the embedding: the number of tokens that the file must list. */
  readonly embeddingRows: number
  /** llama.cpp's name of the pre-tokenizer (the option --pre); found by its hash if not given. */
  readonly pre?: string | undefined
}

/** GGUF's names of the special tokens; "seperator" is spelt so there. CLS has none: llama.cpp takes BOS for it. */
const idKeys: Readonly<Partial<Record<SpecialRole, string>>> = {
  bos: 'bos',
  eos: 'eos',
  unk: 'unknown',
  sep: 'seperator',
  pad: 'padding',
  mask: 'mask',
  eot: 'eot',
  eom: 'eom',
}

/** The roles that have a key saying whether they are put around a text. */
const addable: ReadonlySet<SpecialRole> = new Set(['bos', 'eos', 'sep'])

/**
 * The keys `tokenizer.*` in the order in which llama.cpp's converter writes them for a byte-level BPE vocabulary.
 * Source: `_set_vocab_gpt2` in conversion/base.py and `SpecialVocab.add_to_gguf` in gguf-py/gguf/vocab.py.
 * @throws MiberaError TOKENIZER_TOO_LARGE, PRE_TOKENIZER_UNKNOWN, USAGE for a `pre` that llama.cpp does not know
 */
export function tokenizerMetadata(tokenizer: Tokenizer, options: TokenizerMetadataOptions): readonly Entry[] {
  const { embeddingRows, pre } = options
  if (tokenizer.highestId >= embeddingRows) throw tooLarge(tokenizer, embeddingRows)
  const { texts, types } = tokenList(tokenizer, embeddingRows)
  return [
    ['tokenizer.ggml.model', string('gpt2')],
    ['tokenizer.ggml.pre', string(preTokenizerName(tokenizer, pre))],
    ['tokenizer.ggml.tokens', strings(texts)],
    ['tokenizer.ggml.token_type', i32s(types)],
    ['tokenizer.ggml.merges', strings(tokenizer.merges)],
    ...idEntries(tokenizer),
    ...addEntries(tokenizer),
    ...templateEntries(tokenizer.chatTemplates),
    ...(tokenizer.lowercase ? [['tokenizer.ggml.normalizer.lowercase', bool(true)] as const] : []),
  ]
}

function idEntries({ specialIds }: Tokenizer): Entry[] {
  return Array.from(specialIds).flatMap(([role, id]): Entry[] => {
    const name = idKeys[role]
    return name === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, u32(id)]]
  })
}

function addEntries({ addSpecial }: Tokenizer): Entry[] {
  return Array.from(addSpecial).flatMap(([role, add]): Entry[] =>
    addable.has(role) ? [[`tokenizer.ggml.add_${role}_token`, bool(add)]] : [],
  )
}

/** Templates by name, the list of names, and the default one last; names keep only ASCII letters and digits. */
function templateEntries(templates: readonly ChatTemplate[]): Entry[] {
  const named = new Map<string, string>()
  let fallback: string | undefined
  for (const { name, template } of templates) {
    const key = name.replaceAll(/[^A-Za-z0-9]/g, '_')
    if (key === 'default') fallback = template
    else if (key !== '') named.set(key, template)
  }
  const entries = Array.from(named, ([name, template]): Entry => [`tokenizer.chat_template.${name}`, string(template)])
  if (named.size > 0) entries.push(['tokenizer.chat_templates', strings([...named.keys()])])
  if (fallback !== undefined) entries.push(['tokenizer.chat_template', string(fallback)])
  return entries
}

function tooLarge({ path, vocabulary, highestId }: Tokenizer, embeddingRows: number): MiberaError {
  return new MiberaError(
    'TOKENIZER_TOO_LARGE',
    `${path} has ${vocabulary.size} tokens up to id ${highestId}, but the embedding has ${embeddingRows} rows`,
    { subject: path, hint: 'The tokenizer belongs to another model: put the files of the base model in its place.' },
  )
}
