import { createHash } from 'node:crypto'
import { MiberaError } from '../../base/errors.ts'
import { nearestName } from '../../base/nearest-name.ts'
import { quote } from '../../base/quote.ts'
import { preTokenizerByHash } from './pre-tokenizer-hashes.ts'
import { preTokenizerNames } from './pre-tokenizer-names.ts'
import type { Tokenizer } from './tokenizer.ts'

/**
 * What a tokenizer makes of this text shows how it cuts texts before merging: white space, digits, emoji, scripts,
 * apostrophes. Every character counts. Source: `chktxt` of `get_vocab_base_pre` in llama.cpp's conversion/base.py.
 */
export const fingerprintText =
  '\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n🚀 (normal) 😶\u200d🌫️ (multiple emojis concatenated) ✅ 🦙🦙 ' +
  '3 33 333 3333 33333 333333 3333333 33333333 3.3 3..3 3...3 កាន់តែពិសេសអាច😁 ?我想在apple工作1314151天～ ' +
  "------======= нещо на Български ''''''```````\"\"\"\"......!!!!!!?????? " +
  "I've been 'told he's there, 'RE you sure? 'M not sure I'll make it, 'D you like some tea? We'Ve a'lL"

/**
 * SHA-256 (hex) of the fingerprint text's ids, written as Python writes a list.
 * @throws MiberaError PRE_TOKENIZER_UNKNOWN if the text cannot be encoded.
 */
export function preTokenizerHash(tokenizer: Tokenizer): string {
  try {
    const ids = tokenizer.encode(fingerprintText)
    return createHash('sha256')
      .update(`[${ids.join(', ')}]`)
      .digest('hex')
  } catch (error) {
    throw unknown(tokenizer, 'its pre-tokenizer is of a kind that cannot be run here', error)
  }
}

/**
 * The value of `tokenizer.ggml.pre`: `override` (the option --pre) if given, else the name llama.cpp has for this
 * tokenizer's hash.
 * @throws MiberaError USAGE for an override that llama.cpp does not know, PRE_TOKENIZER_UNKNOWN for a new hash.
 */
export function preTokenizerName(tokenizer: Tokenizer, override: string | undefined): string {
  if (override !== undefined) return checkedName(override)
  const hash = preTokenizerHash(tokenizer)
  const name = preTokenizerByHash.get(hash)
  if (name === undefined) throw unknown(tokenizer, `its hash ${hash} is not among llama.cpp's`)
  return name
}

function checkedName(name: string): string {
  if (preTokenizerNames.has(name)) return name
  const near = nearestName(name, preTokenizerNames)
  throw new MiberaError('USAGE', `llama.cpp knows no pre-tokenizer ${quote(name)}`, {
    subject: '--pre',
    hint:
      near === undefined
        ? `Give one of these with --pre: ${[...preTokenizerNames].join(', ')}.`
        : `Did you mean --pre ${near}?`,
  })
}

function unknown(tokenizer: Tokenizer, why: string, cause?: unknown): MiberaError {
  return new MiberaError('PRE_TOKENIZER_UNKNOWN', `The pre-tokenizer of ${tokenizer.path} has no known name: ${why}`, {
    subject: tokenizer.path,
    hint:
      'Name the pre-tokenizer with --pre NAME, as llama.cpp calls it for the model that this one was made from, ' +
      'e.g. --pre dbrx for Phi-4 or --pre llama-bpe for Llama 3.',
    cause,
  })
}
