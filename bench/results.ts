import { mkdir, writeFile } from 'node:fs/promises'

/** Writes figures to bench/results/NAME.json, where the documentation takes them from. */
export async function writeResults(name: string, figures: object): Promise<void> {
  const folder = new URL('./results/', import.meta.url)
  await mkdir(folder, { recursive: true })
  await writeFile(new URL(`${name}.json`, folder), `${JSON.stringify(figures, null, 2)}\n`)
}
