import type { AddedToken, Tokenizer } from './tokenizer.ts'

/** Values of `tokenizer.ggml.token_type`. Source: `TokenType` in llama.cpp's gguf-py/gguf/constants.py. */
export const tokenTypes = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const

/** Texts that models use for control although their files do not mark them so. */
const controlTexts: ReadonlySet<string> = new Set(['<pad>', '<mask>', '<2mass>', '[@BOS@]'])

/**
 * Text and type of every token from 0 to `rows` − 1. Rows without a token get one that is never used.
 * Source: `get_vocab_base` in llama.cpp's conversion/base.py.
 */
export function tokenList(tokenizer: Tokenizer, rows: number): { texts: string[]; types: number[] } {
  const texts = new Array<string | undefined>(rows).fill(undefined)
  const types = new Array<number>(rows).fill(tokenTypes.unused)
  for (const [text, id] of tokenizer.vocabulary) {
    texts[id] = text
    types[id] = tokenTypes.normal
  }
  for (const [id, token] of tokenizer.added) {
    const control = token.special || looksSpecial(token)
    types[id] = control ? tokenTypes.control : tokenTypes.userDefined
    if (!control) texts[id] = token.text.replaceAll('\u2581', ' ')
  }
  return { texts: texts.map((text, id) => text ?? `[PAD${id}]`), types }
}

function looksSpecial({ text }: AddedToken): boolean {
  return (
    controlTexts.has(text) ||
    (text.startsWith('<|') && text.endsWith('|>')) ||
    (text.startsWith('<\uff5c') && text.endsWith('\uff5c>')) ||
    (text.startsWith('<unused') && text.endsWith('>'))
  )
}
