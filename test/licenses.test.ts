import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const dist = fileURLToPath(new URL('../dist', import.meta.url))

/** Names of the libraries of which there is code in a bundle, as its source map has them. */
function librariesIn(folder: string): string[] {
  const maps = readdirSync(join(dist, folder)).filter((name) => name.endsWith('.js.map'))
  const sources = maps.flatMap((name) => JSON.parse(readFileSync(join(dist, folder, name), 'utf8')).sources as string[])
  return sources.flatMap((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? [])
}

test('the licenses of all libraries in the bundles are passed on with them', () => {
  const libraries = new Set(['cli', 'chunks', 'convert', 'worker'].flatMap(librariesIn))
  expect(libraries).toContain('zod')
  expect(libraries).toContain('commander')
  const licenses = readFileSync(join(dist, 'licenses.txt'), 'utf8')
  for (const library of libraries) expect(licenses).toMatch(new RegExp(`^${library} \\d`, 'm'))
})
