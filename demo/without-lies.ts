/** Leaves out the paragraph in which every command repeats which claims of the config it does not believe. */
export function withoutLies(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => line.startsWith('Not believed'))
  const last = lines.findIndex((line, index) => index >= first && line.startsWith('("mibera inspect"'))
  return first < 0 || last < 0 ? [...lines] : lines.toSpliced(first, last + 1 - first)
}
