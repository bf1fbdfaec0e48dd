import { wrap } from './wrap.ts'

/**
 * Rows as aligned columns, two spaces apart.
 * @param align for each column "l" or "r".
 * @param width columns of the screen: the last cell of a row that is wider goes on below itself.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  align: string,
  width = Number.POSITIVE_INFINITY,
): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const lastAt = widths.slice(0, -1).reduce((sum, columnWidth) => sum + columnWidth + 2, 0)
  return [head, ...rows]
    .flatMap((row) => {
      const cells = row.slice(0, -1).map((cell, column) => pad(cell, widths[column] ?? 0, align[column]))
      const [first = '', ...more] = lastCell(row.at(-1) ?? '', widths.at(-1) ?? 0, align.at(-1), width - lastAt)
      return [[...cells, first].join('  ').trimEnd(), ...more.map((line) => ' '.repeat(lastAt) + line)]
    })
    .join('\n')
}

function pad(cell: string, width: number, align: string | undefined): string {
  return align === 'r' ? cell.padStart(width) : cell.padEnd(width)
}

function lastCell(cell: string, columnWidth: number, align: string | undefined, room: number): string[] {
  return cell.length > room ? wrap(cell, room, '') : [pad(cell, columnWidth, align)]
}
