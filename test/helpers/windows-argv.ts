/**
 * A Windows command line split as Microsoft's C runtime splits it ("Parsing C command-line arguments"), the program's
 * name left out.
 */
export function windowsArgv(line: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quoted = false
  for (let at = 0; at < line.length; ) {
    const [slashes = ''] = /^\\*/.exec(line.slice(at)) ?? []
    if (slashes !== '') {
      at += slashes.length
      const beforeQuote = line[at] === '"'
      word = (word ?? '') + (beforeQuote ? '\\'.repeat(slashes.length >> 1) : slashes)
      if (!beforeQuote || slashes.length % 2 === 0) continue
      word += '"'
      at++
    } else if (line[at] === '"') {
      word ??= ''
      // Within quotes, two in a row are one to keep.
      const kept = quoted && line[at + 1] === '"'
      if (kept) word += '"'
      else quoted = !quoted
      at += kept ? 2 : 1
    } else if (!quoted && (line[at] === ' ' || line[at] === '\t')) {
      if (word !== undefined) words.push(word)
      word = undefined
      at++
    } else {
      word = (word ?? '') + line[at]
      at++
    }
  }
  if (word !== undefined) words.push(word)
  return words
}

/** `%NAME%` replaced as ExpandEnvironmentStrings does: names of no variable stay as they are, percent signs included. */
export function expandVariables(text: string, variables: Readonly<Record<string, string>>): string {
  let out = ''
  for (let at = 0; at < text.length; ) {
    const end = text[at] === '%' ? text.indexOf('%', at + 1) : -1
    const value = end < 0 ? undefined : variables[text.slice(at + 1, end).toUpperCase()]
    out += value ?? text[at]
    at = value === undefined ? at + 1 : end + 1
  }
  return out
}
