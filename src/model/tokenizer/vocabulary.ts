import { quote } from '../../base/quote.ts'
import type { AddedToken } from './tokenizer.ts'
import { malformed } from './tokenizer-file.ts'

/** llama.cpp numbers tokens with 32 signed bits. */
const maximumId = 2 ** 31 - 1

export function isTokenId(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maximumId
}

/** Tokens both ways round; every text has one id and every id one text. */
export interface Vocabulary {
  readonly ids: Map<string, number>
  readonly texts: Map<number, string>
}

/**
 * The tokens in a `vocab` object.
 * @throws MiberaError TOKENIZER_MALFORMED unless it maps texts to ids, each id once.
 */
export function checkVocabulary(path: string, value: unknown): Vocabulary {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(path, 'holds no vocabulary: "vocab" is not an object of token ids')
  }
  const ids = new Map<string, number>()
  const texts = new Map<number, string>()
  const given = value as Readonly<Record<string, unknown>>
  // Keys alone: pairs of 200 000 tokens would be as many arrays.
  for (const text of Object.keys(given)) {
    const id = given[text]
    checkText(path, text)
    if (!isTokenId(id))
      throw malformed(path, `gives token ${quote(text)} no id (${typeof id === 'number' ? id : typeof id})`)
    const other = texts.get(id)
    if (other !== undefined) throw malformed(path, sameId(id, other, text))
    texts.set(id, text)
    ids.set(text, id)
  }
  if (ids.size === 0) throw malformed(path, 'holds no vocabulary: "vocab" is empty')
  return { ids, texts }
}

/**
 * Puts added tokens into the vocabulary. One that the vocabulary has already must have the same id there.
 * @returns the added tokens by id
 */
export function addTokens(
  path: string,
  { ids, texts }: Vocabulary,
  tokens: Iterable<AddedToken>,
): Map<number, AddedToken> {
  const added = new Map<number, AddedToken>()
  for (const token of tokens) {
    const { id, text } = token
    checkText(path, text)
    const sameText = ids.get(text)
    if (sameText !== undefined && sameText !== id) {
      throw malformed(path, `gives token ${quote(text)} the ids ${sameText} and ${id}`)
    }
    const atId = texts.get(id)
    if (atId !== undefined && atId !== text) throw malformed(path, sameId(id, atId, text))
    texts.set(id, text)
    ids.set(text, id)
    added.set(id, token)
  }
  return added
}

/** @throws MiberaError TOKENIZER_MALFORMED for half of a surrogate pair, which UTF-8 cannot express. */
export function checkText(path: string, text: string): void {
  if (!text.isWellFormed()) throw malformed(path, `holds ${quote(text)}, which is not valid Unicode`)
}

function sameId(id: number, one: string, other: string): string {
  return `gives the id ${id} to two tokens, ${quote(one)} and ${quote(other)}`
}
