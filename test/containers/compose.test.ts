import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadSettings } from '#dist/daemon/settings.js'
import { dockerfileStages } from '../helpers/dockerfile.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

interface Service {
  readonly build: string
  readonly user: string
  readonly environment: Readonly<Record<string, string>>
  readonly volumes: readonly (string | { readonly type: string; readonly source: string; readonly target: string })[]
  readonly stop_grace_period: string
  readonly read_only: boolean
}

const text = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8')

/** `${NAME:-default}` as Compose fills it in. */
function composed(variables: Readonly<Record<string, string>>): {
  services: Record<string, Service>
  volumes: Record<string, unknown>
} {
  const filled = text.replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, other: string) => variables[name] ?? other)
  expect(filled).not.toContain('$')
  return parse(filled, { strict: true, uniqueKeys: true })
}

function service(variables: Readonly<Record<string, string>> = {}): Service {
  const { services } = composed(variables)
  expect(Object.keys(services)).toEqual(['mibera'])
  return services.mibera as Service
}

test('the image is built from the Dockerfile beside it', () => {
  const folder = new URL(`../../${service().build}/`, import.meta.url)
  expect(existsSync(fileURLToPath(new URL('Dockerfile', folder)))).toBe(true)
})

test('the folder of models and the state are mounted where the image expects them', () => {
  const { volumes } = composed({})
  const targets = service({ MIBERA_MODELS: '/mnt/my models' }).volumes
  expect(targets).toContainEqual({ type: 'bind', source: '/mnt/my models', target: '/models' })
  expect(targets).toContain('state:/state')
  expect(Object.keys(volumes)).toEqual(['state'])
  const env = dockerfileStages()
    .at(-1)
    ?.instructions.find(({ keyword }) => keyword === 'ENV')?.text
  expect(env).toContain('MIBERA_WATCH=/models')
  expect(env).toContain('XDG_DATA_HOME=/state')
})

test.each([{}, { MIBERA_TYPE: 'Q3_K_M,Q2_K', MIBERA_POLL: '1' }])(
  'the daemon takes the settings: %j',
  async (given) => {
    const { values, sources } = loadSettings(await temporaryFolder(), {}, service(given).environment)
    expect(sources).toMatchObject({ type: 'environment', poll: 'environment' })
    expect(values).toMatchObject(
      'MIBERA_TYPE' in given ? { type: ['Q3_K_M', 'Q2_K'], poll: true } : { type: ['Q4_K_M'], poll: false },
    )
  },
)

test('the container is not root, and has longer than the drain takes to stop', () => {
  const { user, read_only, stop_grace_period } = service()
  expect(user).toBe('1000:1000')
  expect(read_only).toBe(true)
  expect(Number.parseInt(stop_grace_period, 10)).toBeGreaterThan(5)
})
