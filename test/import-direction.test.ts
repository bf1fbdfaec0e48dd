import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { suiteFolder } from './helpers/suite-folder.ts'

const project = fileURLToPath(new URL('..', import.meta.url))
const biome = join(project, 'node_modules', '@biomejs', 'biome', 'bin', 'biome')

/** From the bottom up, those still to come included; folders of equal rank do not import each other. */
const ranks: readonly (readonly string[])[] = [
  ['base'],
  ['disk'],
  ['formats'],
  ['model', 'quant'],
  ['plan'],
  ['convert'],
  ['jobs'],
  ['daemon'],
  ['worker'],
  ['cli'],
]

const rankOf = (folder: string) => ranks.findIndex((folders) => folders.includes(folder))
const pairs = ranks.flat().flatMap((from) => ranks.flat().map((to) => [from, to] as const))
const forbidden = pairs.filter(([from, to]) => from !== to && rankOf(from) <= rankOf(to))
const lawful = pairs.filter(([from, to]) => rankOf(from) > rankOf(to))

const use = '\nexport const used = something\n'
/** Files of a project that breaks every law, and keeps some, by their paths. */
const samples: Record<string, string> = {
  ...Object.fromEntries(
    pairs.map(([from, to]) => [`src/${from}/to-${to}.ts`, `import { something } from '../${to}/subject.ts'${use}`]),
  ),
  'src/plan/type.ts': `import type { Something } from '../convert/subject.ts'\nexport type Used = Something[]\n`,
  'src/plan/passed-on.ts': `export { something } from '../convert/subject.ts'\n`,
  'src/plan/dynamic.ts': `export const something = await import('../convert/subject.ts')\n`,
  'src/formats/gguf/up.ts': `import { something } from '../../model/subject.ts'${use}`,
  'src/formats/gguf/down.ts': `import { something } from '../../base/subject.ts'${use}`,
  'src/formats/gguf/sideways.ts': `import { something } from '../ggml/subject.ts'${use}`,
  'src/base/barrel.ts': `export * from './subject.ts'\n`,
  'src/base/ring-a.ts': `import { b } from './ring-b.ts'\nexport const a = () => b\n`,
  'src/base/ring-b.ts': `import { a } from './ring-a.ts'\nexport const b = () => a\n`,
}

interface Diagnostic {
  readonly category: string
  readonly message: string
  readonly location: { readonly path: string }
}

const root = suiteFolder()
let diagnostics: readonly Diagnostic[] = []

beforeAll(() => {
  for (const [path, text] of Object.entries(samples)) {
    mkdirSync(dirname(join(root(), path)), { recursive: true })
    writeFileSync(join(root(), path), text)
  }
  // The project's own rules, but for the git repository that there is none of here.
  const rules = JSON.parse(readFileSync(join(project, 'biome.json'), 'utf8'))
  writeFileSync(join(root(), 'biome.json'), JSON.stringify({ ...rules, $schema: undefined, vcs: undefined }))
  const words = [biome, 'lint', '--reporter=json', '--max-diagnostics=none', '.']
  const { stdout } = spawnSync(process.execPath, words, { cwd: root(), encoding: 'utf8' })
  diagnostics = (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics
})

/** Names of the rules that a sample breaks. */
function broken(path: string): string[] {
  return diagnostics
    .filter(({ location }) => location.path.replaceAll('\\', '/') === path)
    .map(({ category }) => category.split('/').at(-1) ?? '')
}

test('every folder of src has a rank', () => {
  const folders = readdirSync(join(project, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  expect(folders.map(({ name }) => name).filter((name) => rankOf(name) < 0)).toEqual([])
})

describe('an import upwards or sideways is refused, with the order in the message', () => {
  test.each(forbidden)('%s imports %s', (from, to) => {
    expect(broken(`src/${from}/to-${to}.ts`)).toEqual(['noRestrictedImports'])
    const said = diagnostics.find(({ location }) => location.path.endsWith(`to-${to}.ts`))
    expect(said?.message).toContain('may import only from folders below it: base < disk < formats')
  })

  test.each([
    ['of a type', 'src/plan/type.ts'],
    ['passed on', 'src/plan/passed-on.ts'],
    ['while running', 'src/plan/dynamic.ts'],
    ['from a folder within', 'src/formats/gguf/up.ts'],
  ])('%s', (_, path) => {
    expect(broken(path)).toContain('noRestrictedImports')
  })
})

describe('an import downwards is taken', () => {
  test.each(lawful)('%s imports %s', (from, to) => {
    expect(broken(`src/${from}/to-${to}.ts`)).toEqual([])
  })

  test.each(['src/formats/gguf/down.ts', 'src/formats/gguf/sideways.ts'])('%s', (path) => {
    expect(broken(path)).toEqual([])
  })
})

test('rings and barrels are refused', () => {
  expect(broken('src/base/ring-a.ts')).toContain('noImportCycles')
  expect(broken('src/base/barrel.ts')).toContain('noReExportAll')
})
