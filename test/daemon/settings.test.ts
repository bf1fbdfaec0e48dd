import { mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import { loadSettings, type RawSettings } from '#dist/daemon/settings.js'
import { shownSettings } from '#dist/daemon/shown-settings.js'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

async function withFile(settings: unknown): Promise<string> {
  const folder = await temporaryFolder()
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'settings.json'), typeof settings === 'string' ? settings : JSON.stringify(settings))
  return folder
}

test('a flag counts before the environment, that before the file, that before the default', async () => {
  const folder = await withFile({ threads: 3, quietTime: 30, type: ['Q2_K'], poll: true })
  const environment = { MIBERA_THREADS: '5', MIBERA_QUIET_TIME: '20', MIBERA_MAX_MEMORY: '512M' }
  const { values, sources } = loadSettings(folder, { threads: 7 }, environment)
  expect(values).toMatchObject({ threads: 7, quietTime: 20, type: ['Q2_K'], poll: true, maxMemory: 512 * 2 ** 20 })
  expect(sources).toMatchObject({ threads: 'flag', quietTime: 'environment', type: 'file', mix: 'default' })
})

test('without any, there are defaults that do nothing by themselves', async () => {
  const { values, sources } = loadSettings(await temporaryFolder(), {}, {})
  expect(values).toMatchObject({ watch: [], reclaimSource: false, poll: false, mix: 'latest' })
  expect(values.maxMemory).toBeLessThanOrEqual(2 ** 30)
  expect(new Set(Object.values(sources))).toEqual(new Set(['default']))
})

test('lists and switches have a form for the environment', async () => {
  const environment = {
    MIBERA_WATCH: [resolve('/a b'), resolve('/c')].join(delimiter),
    MIBERA_TYPE: 'q3_k_m,Q2K',
    MIBERA_POLL: '1',
    MIBERA_RECLAIM_SOURCE: 'false',
  }
  const { values } = loadSettings(await temporaryFolder(), {}, environment)
  expect(values).toMatchObject({
    watch: [resolve('/a b'), resolve('/c')],
    type: ['Q3_K_M', 'Q2_K'],
    poll: true,
    reclaimSource: false,
  })
})

test("the file's paths are relative to the state directory, those of flags to the current folder", async () => {
  const folder = await withFile({ watch: ['models'], out: 'out' })
  expect(loadSettings(folder, {}, {}).values).toMatchObject({
    watch: [join(folder, 'models')],
    out: join(folder, 'out'),
  })
  expect(loadSettings(folder, { watch: ['models', './models'] }, {}).values.watch).toEqual([resolve('models')])
})

const lent = { redis: 'redis://r:6380/2', listen: '127.0.0.1:0', tokenFile: 'token' }

test('other machines take part by a Redis, an address and a token; none of the three is a default', async () => {
  const folder = await withFile({ ...lent, threads: 0 })
  expect(loadSettings(folder, {}, {}).values).toMatchObject({ ...lent, threads: 0, tokenFile: join(folder, 'token') })
  const bare = { redis: null, listen: null, tokenFile: null, sharedResults: false, bullBoard: false }
  expect(loadSettings(await temporaryFolder(), {}, {}).values).toMatchObject({ ...bare, lockTime: 30 })
  const environment = { MIBERA_REDIS: 'rediss://u@r', MIBERA_LISTEN: '[::1]:1', MIBERA_TOKEN_FILE: 't' }
  const { sources } = loadSettings(folder, {}, { ...environment, MIBERA_LOCK_TIME: '2' })
  expect(sources).toMatchObject({ redis: 'environment', listen: 'environment', lockTime: 'environment' })
})

test.each(['localhost:1', '127.0.0.1:1', '127.9.9.9:65535', '[::1]:1'])('%s needs no TLS', async (listen) => {
  expect(loadSettings(await withFile({ ...lent, listen }), {}, {}).values.listen).toBe(listen)
})

test('an open address is lawful with certificate and key', async () => {
  const folder = await withFile({ ...lent, listen: '[::]:7600', tlsCert: 'c.pem', tlsKey: 'k.pem' })
  expect(loadSettings(folder, {}, {}).values).toMatchObject({ tlsCert: join(folder, 'c.pem'), listen: '[::]:7600' })
})

test("what is shown of the settings is without Redis's password", async () => {
  const { values } = loadSettings(await withFile({ ...lent, redis: 'rediss://me:p%40ss@r:1/3' }), {}, {})
  expect(values.redis).toBe('rediss://me:p%40ss@r:1/3')
  expect(shownSettings(values)).toEqual({ ...values, redis: 'rediss://me:***@r:1/3' })
})

describe('what is not lawful is refused, and the message names where it stands', () => {
  function refused(folder: string, flags: RawSettings, environment: Record<string, string>): MiberaError {
    try {
      loadSettings(folder, flags, environment)
    } catch (error) {
      if (error instanceof MiberaError) return error
      throw error
    }
    throw new Error('was not refused')
  }

  const places: [string, unknown, Record<string, string>, string][] = [
    ['an unknown name', { thread: 2 }, {}, 'Did you mean "threads"?'],
    ['a type', { type: ['Q9_K'] }, {}, '"type" in '],
    ['no type', { type: [] }, {}, 'at least one'],
    ['a number of threads', { threads: -1 }, {}, '"threads" in '],
    ['no threads, and nobody else', { threads: 0 }, {}, '--redis is missing'],
    ['a Redis of another scheme', { redis: 'http://r' }, {}, '"redis" in '],
    ["ioredis's options in a query", { redis: 'redis://r?tls=1' }, {}, '"redis" in '],
    ['an address without a port', { listen: '10.0.0.5' }, {}, '"listen" in '],
    ['a port beyond the last', { listen: '10.0.0.5:65536' }, {}, '"listen" in '],
    ['workers without Redis', { listen: '127.0.0.1:1', tokenFile: 't' }, {}, '--redis is missing'],
    ['a board without Redis', { bullBoard: true }, {}, '--redis is missing'],
    ['Redis without a listener', { redis: 'redis://r' }, {}, '--listen is missing'],
    ['a listener without a token', { redis: 'redis://r', listen: '127.0.0.1:1' }, {}, '--token-file is missing'],
    ['a certificate without a key', { ...lent, tlsCert: 'c' }, {}, '--tls-key is missing'],
    ['a key without a certificate', { ...lent, tlsKey: 'k' }, {}, '--tls-cert is missing'],
    ['an open address without TLS', { ...lent, listen: '0.0.0.0:1' }, {}, '--tls-cert and --tls-key'],
    ['a name that may be any address', { ...lent, listen: 'mine.example:1' }, {}, '--tls-cert and --tls-key'],
    ["a worker's silence of no time", { ...lent, lockTime: 0 }, {}, '"lockTime" in '],
    ['memory for no more than a conversion', { ...lent, maxMemory: '256M' }, {}, 'at least 320M'],
    ['a prefix with a space', { ...lent, redisPrefix: 'a b' }, {}, '"redisPrefix" in '],
    ['a number of threads that is empty', {}, { MIBERA_THREADS: '' }, 'MIBERA_THREADS'],
    ['a size', {}, { MIBERA_MAX_MEMORY: 'much' }, 'MIBERA_MAX_MEMORY'],
    ['a switch', {}, { MIBERA_POLL: 'perhaps' }, 'MIBERA_POLL'],
    ['a list as a file', [], {}, 'settings.json'],
    ['what is not JSON', '{"threads": 2', {}, 'settings.json'],
  ]
  test.each(places)('%s', async (_, file, environment, says) => {
    const error = refused(await withFile(file), {}, environment)
    expect(error.code).toBe('USAGE')
    expect(`${error.message} ${error.hint}`).toContain(says)
  })

  const values: [string, unknown, string][] = [
    ['watch', 7, 'folders: a list of texts'],
    ['type', [1], 'at least one type: Q1_0, '],
    ['mix', 'newest', '"latest" or "b3613"'],
    ['out', '', 'the path of a folder'],
    ['threads', 'many', 'a whole number from 0 to 256'],
    ['threads', 1.5, 'a whole number from 0 to 256'],
    ['maxMemory', -1, 'a size such as "512M"'],
    ['quietTime', null, 'seconds, a number from 0 to 86400'],
    ['poll', 'perhaps', 'true or false'],
    ['family', 1, 'text'],
    ['override', { head_size: 128 }, 'an object of texts'],
    ['logLevel', 'loud', '"debug", "info", "warn" or "error"'],
    ['redis', 1, 'redis://'],
    ['redisPrefix', 'a b', '1 to 100 letters'],
    ['listen', 7600, 'HOST:PORT'],
    ['tlsKey', false, 'the path of a file'],
    ['lockTime', {}, 'seconds, a number from 1 to 3600'],
  ]
  test.each(values)('%s as %j, and what it takes is said', async (name, value, takes) => {
    const { message } = refused(await withFile({ [name]: value }), {}, {})
    expect(message).toContain(`"${name}" in `)
    expect(message).toContain(`is not lawful: give ${takes}`)
    expect(message).not.toMatch(/[Ii]nvalid|received|expected/)
  })

  test('memory in which not even one thread has room', async () => {
    expect(refused(await withFile({ maxMemory: '100M' }), {}, {}).code).toBe('MEMORY_TOO_SMALL')
  })

  test('an address of Redis, without being repeated: it may hold a password', async () => {
    const error = refused(await withFile({}), {}, { MIBERA_REDIS: 'redis//me:secret@r' })
    expect(error.message).toContain('MIBERA_REDIS')
    expect(`${error.message} ${error.hint} ${error.subject}`).not.toContain('secret')
  })
})
