import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { validate } from 'dockerfile-utils'
import { expect, test, vi } from 'vitest'
import { mibera } from '../helpers/command-line.ts'
import { commandWords, dockerfileStages, dockerfileText, type Stage } from '../helpers/dockerfile.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const project = fileURLToPath(new URL('../..', import.meta.url))
const stages = dockerfileStages()
const image = stages.at(-1) as Stage

/** Sources that a stage copies from the project, not from another stage. */
function copied(stage: Stage): string[] {
  return stage.instructions
    .filter(({ keyword, text }) => keyword === 'COPY' && !text.startsWith('--from'))
    .flatMap(({ words }) => words.slice(0, -1))
}

test("Docker's own checker finds nothing wrong", () => {
  expect(validate(dockerfileText)).toEqual([])
  expect(validate(dockerfileText.replace('WORKDIR /app', 'WORKDR /app'))).not.toEqual([])
})

test('all that is copied is there, is let through by .dockerignore, and nothing else is', async () => {
  const ignore = await readFile(join(project, '.dockerignore'), 'utf8')
  const lettingThrough = ignore.split('\n').filter((line) => line.startsWith('!'))
  const sources = new Set(stages.flatMap(copied))
  for (const source of sources) expect(existsSync(join(project, source)), source).toBe(true)
  expect(ignore).toMatch(/^\*$/m)
  expect(lettingThrough.map((line) => line.slice(1)).sort()).toEqual([...sources].sort())
})

test('what is copied from a stage comes from an earlier one', () => {
  const names = stages.map(({ name }) => name)
  const froms = image.instructions.flatMap(({ text }) => /^--from=(\w+)/.exec(text)?.[1] ?? [])
  expect(froms.sort()).toEqual(['build', 'dependencies'])
  for (const from of froms) expect(names.slice(0, -1)).toContain(from)
})

test('the image is slim, of the oldest Node.js supported, and runs as nobody special', () => {
  expect(stages.map(({ base }) => base)).toEqual(['node:20-bookworm', 'node:20-bookworm', 'node:20-bookworm-slim'])
  const users = image.instructions.filter(({ keyword }) => keyword === 'USER')
  expect(users.at(-1)?.words).toEqual(['node'])
})

test('the files copied for the build suffice for it', async () => {
  const folder = await temporaryFolder()
  const build = stages.find(({ name }) => name === 'build') as Stage
  for (const source of copied(build)) {
    await mkdir(dirname(join(folder, source)), { recursive: true })
    await cp(join(project, source), join(folder, source), { recursive: true })
  }
  await symlink(join(project, 'node_modules'), join(folder, 'node_modules'), 'junction')
  const command = build.instructions.find(({ text }) => text.startsWith('npm run'))?.text ?? 'exit 1'
  const { status, stdout } = spawnSync(command, { cwd: folder, shell: true, encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.any(String) })
  expect(existsSync(join(folder, 'dist/cli/main.js'))).toBe(true)
  expect(existsSync(join(folder, 'dist/quant/kernels.js'))).toBe(true)
})

// Elsewhere the state directory is not found by the image's variables.
test.skipIf(process.platform !== 'linux')(
  "the image's command starts the daemon, its health check tells, and docker stop drains it",
  async () => {
    expect(commandWords(image, 'ENTRYPOINT')).toEqual(['mibera'])
    const [program, ...check] = commandWords(image, 'HEALTHCHECK')
    expect(program).toBe('mibera')
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'models'))
    const assigned = image.instructions.find(({ keyword }) => keyword === 'ENV')?.text ?? ''
    // The image's folders, below one that may be written here.
    const env = Object.fromEntries(
      [...assigned.matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [
        name,
        value.startsWith('/') ? join(folder, value) : value,
      ]),
    )
    expect(Object.keys(env)).toEqual(['NODE_ENV', 'XDG_DATA_HOME', 'MIBERA_WATCH'])
    expect((await mibera(check, { env })).status).toBe(5)

    let watch: unknown
    const running = mibera(commandWords(image, 'CMD'), {
      env,
      onStart: (child) => {
        const healthy = vi.waitFor(async () => expect((await mibera(check, { env })).status).toBe(0), 30_000)
        const seen = healthy.then(async () => {
          const { stdout } = await mibera(['daemon', 'status', '--json'], { env })
          watch = (JSON.parse(stdout) as { settings: { watch: { value: unknown } } }).settings.watch.value
        })
        seen.catch(() => {}).finally(() => child.kill('SIGTERM'))
      },
    })
    expect(await running).toMatchObject({ status: 0 })
    expect(watch).toEqual([join(folder, 'models')])
  },
)
