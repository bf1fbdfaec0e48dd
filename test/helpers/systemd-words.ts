/** What else the specifiers of a unit could stand for; any other `%x` here is a mistake. */
const specifiers = /%(.)/gsu

/**
 * What systemd executes for a value of `ExecStart=`: systemd.syntax(7) on quotes and escapes, systemd.unit(5) on
 * specifiers, systemd.service(5) on variables, none of which has a value here.
 */
export function systemdArgv(value: string): string[] {
  const [program = '', ...rest] = splitWords(value).map((word) => word.replaceAll(specifiers, expandSpecifier))
  return [
    program,
    ...rest.map((word) => word.replaceAll(/\$(\$|\{\w+\}|\w+)/g, (_, name) => (name === '$' ? '$' : ''))),
  ]
}

function expandSpecifier(_: string, letter: string): string {
  if (letter !== '%') throw new Error(`the specifier %${letter} would be replaced`)
  return '%'
}

function splitWords(value: string): string[] {
  const words: string[] = []
  const text = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|((?:[^\s"'\\]|\\.)+)/gsuy
  let rest = value.trimStart()
  while (rest !== '') {
    text.lastIndex = 0
    const match = text.exec(rest)
    if (match === null) throw new Error(`cannot be split: ${rest}`)
    words.push(unescapeWord(match[1] ?? match[2] ?? match[3] ?? ''))
    const after = rest.slice(match[0].length)
    if (after !== '' && !/^\s/.test(after)) throw new Error(`no blank after a word: ${after}`)
    rest = after.trimStart()
  }
  return words
}

const letters: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
  s: ' ',
}

function unescapeWord(word: string): string {
  return word.replaceAll(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.))/gsu, (whole, byte, unit, letter) => {
    if (byte !== undefined || unit !== undefined) return String.fromCharCode(Number.parseInt(byte ?? unit, 16))
    const character = letters[letter as string]
    if (character === undefined) throw new Error(`no such escape: ${whole}`)
    return character
  })
}
