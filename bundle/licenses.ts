import { readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Writes down under which licenses the libraries stand of which there is code in the bundles. */
export async function writeLicenses(path: string, inputs: readonly string[]): Promise<void> {
  const packages = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []))
  const texts = await Promise.all([...packages].sort().map(licenseOf))
  await writeFile(path, texts.join(`\n${'-'.repeat(80)}\n\n`))
}

async function licenseOf(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((file) => /^licen[cs]e(\.|$)/i.test(file))
  if (file === undefined) throw new Error(`${folder} has no license text`)
  return `${name} ${version} (${license})\n\n${await readFile(join(folder, file), 'utf8')}`
}
