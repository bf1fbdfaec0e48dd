/**
 * Breaks a line at spaces so that none is longer than `width` where that is possible. The spaces it begins with stay;
 * following lines begin with them and `indent`.
 */
export function wrap(line: string, width: number, indent = '  '): string[] {
  const margin = /^ */.exec(line)?.[0] ?? ''
  const lines: string[] = []
  let current = margin
  let empty = true
  for (const word of line.trim().split(' ')) {
    if (!empty && current.length + 1 + word.length > width) {
      lines.push(current)
      current = `${margin}${indent}${word}`
    } else {
      current += empty ? word : ` ${word}`
    }
    empty = false
  }
  return [...lines, current]
}
