import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { Tokenizer as Encoder } from '@huggingface/tokenizers'
import { MiberaError } from '../../base/errors.ts'
import { checkMerges } from './merges.ts'
import { readSpecialIds } from './special-ids.ts'
import { specialTokens } from './special-tokens.ts'
import type { AddedToken, Tokenizer } from './tokenizer.ts'
import { readTokenizerConfig, type TokenizerConfig } from './tokenizer-config.ts'
import { malformed } from './tokenizer-file.ts'
import { components, otherKind, readTokenizerSource, type TokenizerSource } from './tokenizer-json.ts'
import { addTokens, checkVocabulary } from './vocabulary.ts'

/** Tokenizers that are recognised only to be refused by name. */
const unsupportedFiles: readonly (readonly [file: string, kind: string])[] = [
  ['tokenizer.model', 'SentencePiece'],
  ['spiece.model', 'SentencePiece'],
  ['tekken.json', 'Tekken'],
  ['vocab.txt', 'WordPiece'],
]

/**
 * Reads a model folder's tokenizer: tokenizer.json, or vocab.json with merges.txt, and the files beside them.
 * @throws MiberaError TOKENIZER_MISSING, TOKENIZER_MALFORMED, MODEL_UNSUPPORTED for any but byte-level BPE
 */
export async function readTokenizer(folder: string): Promise<Tokenizer> {
  const source = await readTokenizerSource(folder)
  if (source === undefined) throw await missing(folder)
  const kind = otherKind(source.json)
  if (kind !== undefined) throw unsupported(source.path, kind)
  return assemble(folder, source, await readTokenizerConfig(folder))
}

async function assemble(folder: string, source: TokenizerSource, config: TokenizerConfig): Promise<Tokenizer> {
  const { path, json } = source
  const vocabulary = checkVocabulary(path, json.model.vocab)
  const { ids } = vocabulary
  const merges = checkMerges(path, json.model.merges, ids)
  if (merges.length === 0) throw malformed(path, 'holds no merges, and there is no merges.txt beside it')
  const special = specialTokens(config, json.post_processor)
  const listed = (json.added_tokens ?? []).map(({ id, content, special = false }) => ({ id, text: content, special }))
  const added = addTokens(path, vocabulary, listed)
  for (const [id, token] of addTokens(config.path, vocabulary, config.added)) added.set(id, token)
  for (const token of namedInVocabulary(special.names.values(), ids, added)) added.set(token.id, token)
  let encoder: Encoder | undefined
  return {
    kind: 'byte-level-bpe',
    path,
    vocabulary: ids,
    added,
    highestId: Array.from(ids.values()).reduce((highest, id) => Math.max(highest, id), 0),
    merges,
    specialIds: await readSpecialIds(folder, special.names, added),
    addSpecial: special.add,
    chatTemplates: config.chatTemplates,
    lowercase: components(json.normalizer).some(
      ({ type, lowercase }) => type === 'Lowercase' || (type === 'BertNormalizer' && lowercase !== false),
    ),
    addPrefixSpace: config.addPrefixSpace,
    encode(text) {
      encoder ??= new Encoder(json, {})
      return encoder.encode(text).ids
    },
  }
}

/** Special tokens that stand in the vocabulary as if they were text; transformers matches them as a whole. */
function* namedInVocabulary(
  names: Iterable<string>,
  vocabulary: ReadonlyMap<string, number>,
  added: ReadonlyMap<number, AddedToken>,
): Generator<AddedToken> {
  for (const text of names) {
    const id = vocabulary.get(text)
    if (id !== undefined && !added.has(id)) yield { id, text, special: true }
  }
}

async function missing(folder: string): Promise<MiberaError> {
  for (const [file, kind] of unsupportedFiles) {
    const path = join(folder, file)
    if (await exists(path)) return unsupported(path, kind)
  }
  return new MiberaError('TOKENIZER_MISSING', `${folder} has no tokenizer.json, nor vocab.json with merges.txt`, {
    subject: folder,
    hint: 'Finish the download, or copy the tokenizer files of the base model into the folder.',
  })
}

function unsupported(path: string, kind: string): MiberaError {
  return new MiberaError('MODEL_UNSUPPORTED', `${path} is a ${kind} tokenizer; only byte-level BPE is supported`, {
    subject: path,
    hint: 'Models with the tokenizer of GPT-2, Llama 3, Phi-4 or Qwen can be converted.',
  })
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
