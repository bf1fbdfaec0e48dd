/** A line cut to `columns`, its middle left out: of a path the beginning and the end tell most. */
export function oneLine(line: string, columns: number): string {
  if (line.length <= columns) return line
  const head = Math.ceil((columns - 1) / 2)
  const tail = columns - 1 - head
  return `${line.slice(0, head)}…${line.slice(line.length - tail)}`
}
