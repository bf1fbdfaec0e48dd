import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { mibera } from '../helpers/command-line.ts'
import { startDaemon } from '../helpers/daemon.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const at = (name: string) => join(root(), name)

/** Writes down every module that is asked for by `import`. */
const hooks = `
import { appendFileSync } from 'node:fs'
export async function resolve(specifier, context, next) {
  appendFileSync(process.env.MODULES_ASKED_FOR, specifier + '\\n')
  return next(specifier, context)
}
`
const preload = `
import { register } from 'node:module'
register(new URL('./hooks.mjs', import.meta.url))
`

beforeAll(async () => {
  await writeFile(at('hooks.mjs'), hooks)
  await writeFile(at('preload.mjs'), preload)
  await writeFile(at('token'), 'not-to-be-guessed-by-anybody')
})

/** Packages and own modules that a command loads. */
async function loaded(name: string, run: (env: Record<string, string>) => Promise<unknown>): Promise<Set<string>> {
  await run({ NODE_OPTIONS: `--import=${pathToFileURL(at('preload.mjs'))}`, MODULES_ASKED_FOR: at(name) })
  expect(existsSync(at(name))).toBe(true)
  return new Set(readFileSync(at(name), 'utf8').split('\n').map(withoutHash))
}

/** "coordinator" of "./coordinator-FRg2325H.js", a chunk of the bundle. */
function withoutHash(specifier: string): string {
  return /^\.{1,2}\/(?:chunks\/)?([a-z-]+)-[\w-]{8}\.js$/.exec(specifier)?.[1] ?? specifier
}

const forWorkers = ['bullmq', 'ioredis', 'coordinator', '@bull-board/api']
/** What loads better-sqlite3. */
const database = 'state'
const forConversions = ['planning', 'zod', 'yaml']

const quick = ['--version', '--help', 'jobs status', 'jobs list', 'worker list', 'daemon status']

test.each(quick)('mibera %s loads nothing of workers, servers and conversions', async (line) => {
  const words = line.split(' ')
  const modules = await loaded(line, (env) => mibera([...words, '--state-dir', at('none')], { env }))
  expect(modules).toContain('start')
  for (const module of [...forWorkers, 'fastify', ...forConversions]) expect(modules).not.toContain(module)
})

test.each(['--version', '--help', 'convert --help'])('mibera %s opens no database', async (line) => {
  const modules = await loaded(`no database ${line}`, (env) => mibera(line.split(' '), { env }))
  expect(modules).toContain('start')
  expect(modules).not.toContain(database)
})

test('a conversion without a daemon loads what plans and converts, and nothing to talk to daemons', async () => {
  const words = ['convert', at('no model'), '--state-dir', at('none')]
  const modules = await loaded('a conversion', (env) => mibera(words, { env }))
  for (const module of [...forConversions, 'converting', database]) expect(modules).toContain(module)
  for (const module of [...forWorkers, 'client', 'node:http']) expect(modules).not.toContain(module)
})

async function daemonModules(name: string, words: readonly string[]): Promise<Set<string>> {
  return loaded(name, async (env) => {
    const saved = { ...process.env }
    Object.assign(process.env, env)
    try {
      const { client } = await startDaemon(at(`${name} state`), words)
      await client.stop()
    } finally {
      for (const variable of Object.keys(env)) delete process.env[variable]
      Object.assign(process.env, saved)
    }
  })
}

test('a daemon loads them only where Redis is named, and Bull Board only where it is wanted', async () => {
  const without = await daemonModules('without', [])
  expect(without).toContain('fastify')
  for (const module of forWorkers) expect(without).not.toContain(module)
  const redis = ['--redis', 'redis://127.0.0.1:1', '--listen', '127.0.0.1:0', '--token-file', at('token')]
  const leading = await daemonModules('leading', redis)
  for (const module of ['bullmq', 'ioredis', 'coordinator']) expect(leading).toContain(module)
  expect(leading).not.toContain('@bull-board/api')
})
