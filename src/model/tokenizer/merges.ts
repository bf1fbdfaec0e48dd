import { quote } from '../../base/quote.ts'
import { malformed } from './tokenizer-file.ts'

type Pair = readonly [left: string, right: string]

/**
 * The merges of a tokenizer.json as GGUF has them. Both forms are read: "left right", and since transformers 4.45
 * ["left", "right"], in which a token may hold spaces; those become "Ġ" as llama.cpp's converter writes them.
 * @throws MiberaError TOKENIZER_MALFORMED unless every merge joins two tokens of the vocabulary into a third.
 */
export function checkMerges(path: string, value: unknown, vocabulary: ReadonlyMap<string, number>): string[] {
  if (!Array.isArray(value)) throw malformed(path, 'holds no merges: "merges" is not a list')
  return value.map((merge, rank) => {
    const pair = asPair(merge)
    if (pair === undefined)
      throw malformed(
        path,
        `has no pair of tokens as merge ${rank}, but ${typeof merge === 'string' ? quote(merge) : 'something else'}`,
      )
    for (const token of [pair[0], pair[1], pair[0] + pair[1]]) {
      if (!vocabulary.has(token)) {
        const [left, right] = pair.map(quote)
        throw malformed(path, `merges ${left} with ${right} (merge ${rank}), but has no token ${quote(token)}`)
      }
    }
    return typeof merge === 'string' ? merge : `${withoutSpaces(pair[0])} ${withoutSpaces(pair[1])}`
  })
}

/** The merges of a merges.txt: a pair in each line, after an optional "#version" line. */
export function readMergesText(text: string): string[] {
  const lines = text.split(/\r?\n/)
  if (lines[0]?.startsWith('#')) lines.shift()
  return lines.filter((line) => line.trim() !== '')
}

function asPair(merge: unknown): Pair | undefined {
  if (typeof merge === 'string') {
    const space = merge.indexOf(' ')
    if (space < 0 || merge.includes(' ', space + 1)) return undefined
    return [merge.slice(0, space), merge.slice(space + 1)]
  }
  if (!Array.isArray(merge) || merge.length !== 2) return undefined
  const [left, right] = merge
  return typeof left === 'string' && typeof right === 'string' ? [left, right] : undefined
}

function withoutSpaces(token: string): string {
  return token.replaceAll(' ', '\u0120')
}
