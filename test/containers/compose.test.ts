import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { parse } from 'yaml'
import { buildProgram } from '#dist/cli/program.js'
import { loadSettings } from '#dist/daemon/settings.js'
import { mainScript } from '../helpers/command-line.ts'
import { addJob, jobWhen, startDaemon, statusWhen } from '../helpers/daemon.ts'
import { dockerfileStages } from '../helpers/dockerfile.ts'
import { findRedisServer, freePort } from '../helpers/redis-server.ts'
import { smallPre, writeSmallModel } from '../helpers/small-model.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

interface Mount {
  readonly type: string
  readonly source: string
  readonly target: string
  readonly read_only?: boolean
}

interface Service {
  readonly build?: string
  readonly image: string
  readonly user: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes: readonly (string | Mount)[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck: { readonly test: readonly string[] }
  readonly networks?: readonly string[]
  readonly ports?: unknown
  readonly container_name?: unknown
  readonly stop_grace_period: string
  readonly read_only: boolean
  readonly restart: string
  readonly cap_drop: readonly string[]
}

interface Composition {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
  readonly networks?: Readonly<Record<string, { readonly internal?: boolean }>>
}

const several = 'docker-compose.yml'
const alone = 'docker-compose.alone.yml'

function textOf(file: string): string {
  return readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
}

/** `${NAME:-default}` as Compose fills it in, and `$$` as it leaves a `$`. */
function composed(file: string, variables: Readonly<Record<string, string>> = {}): Composition {
  const filled = textOf(file).replaceAll(
    /\$\{(\w+):-([^}]*)\}/g,
    (_, name: string, other: string) => variables[name] ?? other,
  )
  expect(filled.replaceAll('$$', '')).not.toContain('$')
  return parse(filled.replaceAll('$$', '$'), { strict: true, uniqueKeys: true, merge: true })
}

type FullService = Service & { readonly environment: NonNullable<Service['environment']> }

function service(file: string, name: string, variables: Readonly<Record<string, string>> = {}): FullService {
  const found = composed(file, variables).services[name]
  if (found === undefined) throw new Error(`${file} has no service ${name}`)
  return { environment: {}, ...found }
}

const ours = [
  [several, 'daemon'],
  [several, 'worker'],
  [alone, 'mibera'],
] as const

test.each(ours)('%s: the image of %s is built from the Dockerfile beside it', (file, name) => {
  const folder = new URL(`../../${service(file, name).build}/`, import.meta.url)
  expect(existsSync(fileURLToPath(new URL('Dockerfile', folder)))).toBe(true)
})

test.each([
  [several, 'daemon'],
  [alone, 'mibera'],
])('%s: folder of models and state of %s are mounted where the image expects them', (file, name) => {
  const targets = service(file, name, { MIBERA_MODELS: '/mnt/my models' }).volumes
  expect(targets).toContainEqual({ type: 'bind', source: '/mnt/my models', target: '/models' })
  expect(targets).toContain('state:/state')
  expect(Object.keys(composed(file).volumes)).toEqual(['state'])
  const env = dockerfileStages()
    .at(-1)
    ?.instructions.find(({ keyword }) => keyword === 'ENV')?.text
  expect(env).toContain('MIBERA_WATCH=/models')
  expect(env).toContain('XDG_DATA_HOME=/state')
})

test.each([
  [several, 'daemon', {}],
  [alone, 'mibera', {}],
  [several, 'daemon', { MIBERA_TYPE: 'Q3_K_M,Q2_K', MIBERA_POLL: '1' }],
  [alone, 'mibera', { MIBERA_TYPE: 'Q3_K_M,Q2_K', MIBERA_POLL: '1' }],
])('%s: %s takes the settings: %j', async (file, name, given) => {
  const { values, sources } = loadSettings(await temporaryFolder(), {}, service(file, name, given).environment)
  expect(sources).toMatchObject({ type: 'environment', poll: 'environment' })
  expect(values).toMatchObject(
    'MIBERA_TYPE' in given ? { type: ['Q3_K_M', 'Q2_K'], poll: true } : { type: ['Q4_K_M'], poll: false },
  )
})

test.each([...ours, [several, 'redis'] as const])('%s: %s is not root, and can do little', (file, name) => {
  const { user, read_only, cap_drop, restart } = service(file, name)
  expect({ user, read_only, cap_drop, restart }).toEqual({
    user: '1000:1000',
    read_only: true,
    cap_drop: ['ALL'],
    restart: 'unless-stopped',
  })
})

test.each(ours)('%s: %s has longer than its drain takes to stop', (file, name) => {
  expect(Number.parseInt(service(file, name).stop_grace_period, 10)).toBeGreaterThan(name === 'worker' ? 30 : 5)
})

describe('daemon, Redis and workers', () => {
  test('there are these three, in a network of their own, each with a health check and after what it needs', () => {
    const { services, networks } = composed(several)
    expect(Object.keys(services)).toEqual(['redis', 'daemon', 'worker'])
    expect(networks).toEqual({ inside: { internal: true } })
    for (const { networks: own, ports, healthcheck } of Object.values(services)) {
      expect(own).toEqual(['inside'])
      expect(ports).toBeUndefined()
      expect(healthcheck.test.length).toBeGreaterThan(1)
    }
    expect(services.daemon?.depends_on).toEqual({ redis: { condition: 'service_healthy' } })
    expect(services.worker?.depends_on).toEqual({ daemon: { condition: 'service_healthy' } })
  })

  test('nothing ties a worker to being the only one', () => {
    const { container_name, volumes } = service(several, 'worker')
    expect(container_name).toBeUndefined()
    // Nothing that two of them could write.
    for (const volume of volumes) expect(volume).toMatchObject({ type: 'bind', read_only: true })
  })

  test("no secret is in the file, and the certificate's key is with the daemon alone", () => {
    for (const { environment = {} } of Object.values(composed(several).services)) {
      const secret = Object.entries(environment).filter(([name]) => /PASSWORD|TOKEN|KEY/.test(name))
      for (const [, value] of secret) expect(value).toMatch(/^\/secrets\//)
    }
    expect(textOf(several)).not.toMatch(/rediss?:\/\/[^\s/]*@/)
    for (const name of ['redis', 'worker']) {
      const secrets = service(several, name).volumes.filter((volume) => (volume as Mount).target === '/secrets')
      expect(secrets).toEqual([{ type: 'bind', source: './secrets/worker', target: '/secrets', read_only: true }])
    }
    expect(textOf('.gitignore')).toContain('secrets/')
  })

  test('what the daemon is told of workers is lawful, and it listens with TLS only', async () => {
    const { environment } = service(several, 'daemon', { MIBERA_THREADS: '0' })
    const { values } = loadSettings(await temporaryFolder(), {}, environment)
    expect(values).toMatchObject({ threads: 0, listen: '0.0.0.0:7600', tlsKey: '/secrets/daemon/tls.key' })
    const worker = service(several, 'worker').environment
    expect(worker.MIBERA_REDIS).toBe(values.redis)
    expect(worker.MIBERA_COORDINATOR).toBe('https://daemon:7600')
  })

  test('what the worker is told are variables of its options', async () => {
    const { environment, command } = service(several, 'worker')
    expect(command).toEqual(['worker'])
    const [worker] = (await buildProgram(['worker'])).commands.filter((found) => found.name() === 'worker')
    const known = worker?.options.map(({ envVar }) => envVar)
    expect(known).toEqual(expect.arrayContaining(Object.keys(environment)))
  })
})

/** Replaces the places of a container by some of a test. */
function placed(text: string, places: Readonly<Record<string, string>>): string {
  return Object.entries(places).reduce((all, [from, to]) => all.replaceAll(from, to), text)
}

/** The words of a health check, with a status of 0 while all is well. */
function checked({ healthcheck: { test: words } }: Service, places: Readonly<Record<string, string>>) {
  const [kind, ...rest] = words.map((word) => placed(word, places))
  return kind === 'CMD-SHELL'
    ? spawnSync('sh', ['-c', rest[0] ?? 'exit 9'], { encoding: 'utf8' }).status
    : spawnSync(rest[0] ?? '', rest.slice(1), { encoding: 'utf8' }).status
}

function ending(child: ChildProcess): ChildProcess {
  const exit = once(child, 'exit')
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exit
  })
  return child
}

// The commands of the containers, where there is a shell like theirs.
test.skipIf(process.platform !== 'linux')(
  "outside of containers: Redis' command, both environments, the health checks, and the secrets as docs/containers.md makes them",
  async () => {
    expect(await findRedisServer()).toBe('redis-server')
    const folder = await temporaryFolder()
    const text = textOf('docs/containers.md')
    const commands = /```\n(mkdir [\s\S]*?)```/.exec(text)?.[1] ?? 'exit 9'
    const made = spawnSync('sh', ['-ec', commands], { cwd: folder, encoding: 'utf8' })
    expect(made, made.stderr).toMatchObject({ status: 0 })
    const [redisPort, port] = [await freePort(), await freePort()]
    await mkdir(join(folder, 'tmp'))
    const shared = { '/tmp': join(folder, 'tmp'), '/models': join(folder, 'models') }
    const atWorker = { ...shared, '/secrets': join(folder, 'secrets/worker') }
    const atDaemon = { ...shared, '/secrets': join(folder, 'secrets') }
    const here = (words: string) =>
      words.replace('redis:6379', `127.0.0.1:${redisPort}`).replace(/(daemon|0\.0\.0\.0):7600/, `localhost:${port}`)
    const environment = (name: string, places: Readonly<Record<string, string>>) =>
      Object.fromEntries(
        Object.entries(service(several, name).environment).map(([key, value]) => [key, here(placed(value, places))]),
      )

    const redis = service(several, 'redis')
    const [shell = '', ...words] = (redis.command ?? []).map((word) => placed(word, atWorker))
    const withPort = words.map((word) => word.replace('--save', `--port ${redisPort} --bind 127.0.0.1 --save`))
    ending(spawn(shell, withPort, { stdio: 'ignore' }))
    const redisCheck = () => checked(redis, { ...atWorker, 'redis-cli': `redis-cli -p ${redisPort}` })
    await vi.waitFor(() => expect(redisCheck()).toBe(0), 60_000)
    // Without the password nothing is answered.
    expect(spawnSync('redis-cli', ['-p', String(redisPort), 'ping'], { encoding: 'utf8' }).stdout).toContain('NOAUTH')

    const state = join(folder, 'state')
    const own = environment('daemon', atDaemon)
    for (const [name, value] of Object.entries({ ...own, MIBERA_THREADS: '0' })) vi.stubEnv(name, value)
    const { client } = await startDaemon(state)
    vi.unstubAllEnvs()
    await statusWhen(client, ({ daemon }) => daemon?.scaleOut?.redisState === 'connected')

    const worker = service(several, 'worker')
    expect(checked(worker, atWorker)).not.toBe(0)
    const started = spawn(process.execPath, [mainScript, ...(worker.command ?? [])], {
      env: { ...process.env, ...environment('worker', atWorker) },
      stdio: 'ignore',
    })
    ending(started)
    await statusWhen(client, ({ workers }) => workers.length === 1)
    await vi.waitFor(() => expect(checked(worker, atWorker)).toBe(0), 60_000)

    await writeSmallModel(join(folder, 'models', 'm'), { dtype: 'BF16' })
    const job = {
      model: join(folder, 'models', 'm'),
      output: join(folder, 'models', 'm.gguf'),
      recipe: 'Q2_K' as const,
    }
    const { id } = await addJob(client, { ...job, options: { pre: smallPre } })
    await jobWhen(client, id, 'done')
    const exit = once(started, 'exit')
    started.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
    expect(checked(worker, atWorker)).not.toBe(0)
  },
)
