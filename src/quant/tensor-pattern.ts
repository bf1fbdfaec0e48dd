import { MiberaError } from '../base/errors.ts'
import { nearestName } from '../base/nearest-name.ts'
import { quote } from '../base/quote.ts'
import type { GgmlType } from '../formats/ggml/block-types.ts'
import { typeKernels } from './kernel-table.ts'

/** Types that a tensor can be given. */
export const writableTypes = Object.keys(typeKernels) as readonly GgmlType[]

/**
 * The type that a person names: llama.cpp's name, in upper or lower case.
 * @param place the option, for the message
 * @throws MiberaError USAGE
 */
export function requireType(text: string, place: string): GgmlType {
  const type = writableTypes.find((name) => name === text.toUpperCase())
  if (type !== undefined) return type
  const near = nearestName(text, writableTypes)
  throw new MiberaError('USAGE', `${place}: ${quote(text)} is not a type of tensors`, {
    subject: place,
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}Types: ${writableTypes.join(', ')}.`,
  })
}

/** What C++ writes for a class of characters; JavaScript would take it for the letters themselves. */
const classes: Readonly<Record<string, string>> = {
  ...{ alpha: 'a-zA-Z', digit: '0-9', alnum: 'a-zA-Z0-9', lower: 'a-z', upper: 'A-Z', xdigit: '0-9a-fA-F' },
  ...{ space: '\\s', blank: ' \\t', word: '\\w', d: '\\d', w: '\\w', s: '\\s', punct: '!-\\/:-@\\[-`{-~' },
}

/**
 * A pattern for tensor names, of the syntax that llama.cpp reads (std::regex, ECMAScript) and, as there, brought to
 * lower case. It need only be found somewhere in the name.
 * @throws MiberaError USAGE for one that is not lawful, or that llama.cpp would not take.
 */
export function tensorPattern(text: string, place = '--tensor-type'): RegExp {
  const lower = text.toLowerCase()
  if (lower === '') throw unlawful(text, place, 'it is empty')
  if (lower.includes('(?<')) throw unlawful(text, place, 'llama.cpp knows neither lookbehind nor named groups')
  const translated = lower.replaceAll(/\[:(\w+):\]/g, (_, name: string) => {
    const members = classes[name]
    if (members === undefined) throw unlawful(text, place, `there is no class [:${name}:]`)
    return members
  })
  try {
    return new RegExp(translated)
  } catch (cause) {
    throw unlawful(text, place, (cause as Error).message.replace(/^.*\/: /, ''))
  }
}

function unlawful(text: string, place: string, why: string): MiberaError {
  return new MiberaError('USAGE', `${place}: ${quote(text)} is not a lawful regular expression: ${why}`, {
    subject: place,
    hint: 'Give PATTERN=TYPE, such as attn_v=Q6_K or "blk\\.[0-3]\\.ffn_down=Q5_K".',
  })
}

/**
 * "PATTERN=TYPE", pattern and type checked.
 * @throws MiberaError USAGE
 */
export function parseTensorType(text: string, place = '--tensor-type'): readonly [pattern: string, type: GgmlType] {
  const separator = text.lastIndexOf('=')
  if (separator < 0) throw unlawful(text, place, 'it names no type')
  const pattern = text.slice(0, separator)
  tensorPattern(pattern, place)
  return [pattern, requireType(text.slice(separator + 1), place)]
}
