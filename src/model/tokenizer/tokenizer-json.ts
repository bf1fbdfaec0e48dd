import { join } from 'node:path'
import * as z from 'zod'
import { readMergesText } from './merges.ts'
import { readTokenizerJson, readTokenizerText } from './tokenizer-file.ts'
import { isTokenId } from './vocabulary.ts'

/** A normalizer, pre-tokenizer, post-processor or decoder; those of type "Sequence" hold others. */
const component = z.looseObject({ type: z.string() })

export type Component = z.infer<typeof component>

const tokenId = z.custom<number>(isTokenId, 'not a token id')

/** What is read of a tokenizer.json; `vocab` and `merges` are large and checked by hand. */
const tokenizerJson = z.looseObject({
  added_tokens: z
    .array(z.looseObject({ id: tokenId, content: z.string().min(1), special: z.boolean().optional() }))
    .nullish(),
  normalizer: component.nullish(),
  pre_tokenizer: component.nullish(),
  post_processor: component.nullish(),
  decoder: component.nullish(),
  model: z.looseObject({
    type: z.string().nullish(),
    byte_fallback: z.boolean().nullish(),
    vocab: z.unknown().optional(),
    merges: z.unknown().optional(),
  }),
})

export type TokenizerJson = z.infer<typeof tokenizerJson>

/** A tokenizer.json and where it is. */
export interface TokenizerSource {
  readonly path: string
  readonly json: TokenizerJson
}

/** The folder's tokenizer.json, or what its older files amount to; `undefined` without either. */
export async function readTokenizerSource(folder: string): Promise<TokenizerSource | undefined> {
  const json = await readTokenizerJson(folder, 'tokenizer.json', tokenizerJson)
  if (json === undefined) return readOlderFiles(folder)
  const { merges } = json.model
  if (Array.isArray(merges) && merges.length > 0) return { path: join(folder, 'tokenizer.json'), json }
  const older = await readTokenizerText(folder, 'merges.txt')
  const found = older === undefined ? merges : readMergesText(older)
  return { path: join(folder, 'tokenizer.json'), json: { ...json, model: { ...json.model, merges: found } } }
}

/**
 * vocab.json, merges.txt and added_tokens.json as one tokenizer.json, with the pre-tokenizer that transformers gives
 * such files: GPT-2's.
 */
async function readOlderFiles(folder: string): Promise<TokenizerSource | undefined> {
  const vocab = await readTokenizerJson(folder, 'vocab.json', z.unknown())
  const merges = await readTokenizerText(folder, 'merges.txt')
  if (vocab === undefined || merges === undefined) return undefined
  const added = await readTokenizerJson(folder, 'added_tokens.json', z.record(z.string().min(1), tokenId))
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  return {
    path: join(folder, 'vocab.json'),
    json: {
      added_tokens: Object.entries(added ?? {}).map(([content, id]) => ({ id, content, special: false })),
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: byteLevel,
      decoder: byteLevel,
      model: { type: 'BPE', byte_fallback: false, vocab, merges: readMergesText(merges) },
    },
  }
}

/** A component and, where it is a sequence, all that it holds, in order. Without recursion: nesting has no limit. */
export function components(root: Component | null | undefined): Component[] {
  const found: Component[] = []
  const waiting = root == null ? [] : [root]
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    found.push(part)
    for (const key of ['normalizers', 'pretokenizers', 'processors', 'decoders']) {
      const { data = [] } = z.array(component).safeParse(part[key])
      waiting.push(...data.toReversed())
    }
  }
  return found
}

/** What kind of tokenizer it is, in words, unless it is byte-level BPE. */
export function otherKind({ model, pre_tokenizer, decoder }: TokenizerJson): string | undefined {
  const type = model.type ?? 'BPE'
  if (type === 'Unigram') return 'SentencePiece (Unigram)'
  if (type !== 'BPE') return type
  const parts = [...components(pre_tokenizer), ...components(decoder)]
  const byteLevel = parts.some((part) => part.type === 'ByteLevel')
  return byteLevel && model.byte_fallback !== true ? undefined : 'SentencePiece-style BPE, not byte-level'
}
