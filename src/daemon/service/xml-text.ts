import { MiberaError } from '../../base/errors.ts'
import { quote } from '../../base/quote.ts'

/**
 * Text as the content of an XML 1.0 element.
 * @throws MiberaError USAGE for characters that XML 1.0 cannot carry in any way: most control characters, halves of
 * surrogate pairs, U+FFFE and U+FFFF.
 */
export function xmlText(text: string): string {
  const foreign = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.exec(text)
  if (foreign !== null) {
    throw new MiberaError('USAGE', `${quote(text)} has a character that the service's description cannot hold`, {
      subject: text,
      hint: 'Rename the folder, or give another path.',
    })
  }
  // These line ends would be read as line feeds: the first by every reader, the others by those that know XML 1.1.
  return text.replace(/[&<>\r\u0085\u2028]/g, (character) => `&#${character.charCodeAt(0)};`)
}
