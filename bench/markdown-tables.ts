import { readFile, writeFile } from 'node:fs/promises'

export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

/** Figures of bench/results/NAME.json. */
export async function readResults(name: string) {
  return JSON.parse(await readFile(new URL(`./results/${name}.json`, import.meta.url), 'utf8'))
}

/**
 * Puts texts into the places that a page has for them: between `<!-- table: NAME -->` and `<!-- end -->`.
 * @throws Error when it has none for one of them.
 */
export async function fillTables(page: URL, tables: Readonly<Record<string, string>>): Promise<void> {
  let text = await readFile(page, 'utf8')
  for (const [name, table] of Object.entries(tables)) {
    const marked = new RegExp(`(<!-- table: ${name} -->\n)[^]*?(<!-- end -->)`)
    if (!marked.test(text)) throw new Error(`${page.pathname} has no place for the table "${name}"`)
    text = text.replace(marked, (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`)
  }
  await writeFile(page, text)
}
