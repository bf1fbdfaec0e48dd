import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { DaemonClient } from '#dist/daemon/client.js'
import { coordinatorApi, type Welcome, welcomeSchema } from '#dist/daemon/coordinator/protocol.js'
import { type Status, statusSchema } from '#dist/daemon/protocol.js'
import { planFormat } from '#dist/plan/fingerprint.js'
import { kernelsDigest } from '#dist/quant/kernels.js'
import { mibera } from '../../helpers/command-line.ts'
import { addJob, jobConverting, jobWhen, logOf, startDaemon, statusOf, statusWhen } from '../../helpers/daemon.ts'
import { fileSha256 } from '../../helpers/partial-run.ts'
import { startRedis, type TestRedis } from '../../helpers/redis.ts'
import { freePort } from '../../helpers/redis-server.ts'
import { smallPre, smallShape, writeSmallModel } from '../../helpers/small-model.ts'
import { suiteFolder } from '../../helpers/suite-folder.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const root = suiteFolder()
const token = 'not-to-be-guessed-by-anybody'
let expected = ''

beforeAll(async () => {
  const model = join(root(), 'model')
  await writeSmallModel(model, { dtype: 'BF16' }, { ...smallShape, vocabulary: 64_000 })
  const out = join(root(), 'whole.gguf')
  const words = ['convert', model, '--pre', smallPre, '--type', 'Q2_K', '--quiet', '--out', out]
  expect((await mibera([...words, '--state-dir', join(root(), 'state')])).status).toBe(0)
  expected = await fileSha256(out)
})

interface Led {
  readonly client: DaemonClient
  readonly state: string
  readonly tokenFile: string
  /** Where workers reach it. */
  readonly url: string
}

async function startLeading(redis: string, words: readonly string[] = []): Promise<Led> {
  const folder = await temporaryFolder()
  const [state, tokenFile] = [join(folder, 'state'), join(folder, 'token')]
  await writeFile(tokenFile, `${token}\n`)
  const own = ['--redis', redis, '--listen', '127.0.0.1:0', '--token-file', tokenFile]
  const { client } = await startDaemon(state, [...own, ...words])
  return { client, state, tokenFile, url: (await statusOf(client)).daemon?.scaleOut?.coordinator ?? '' }
}

const redisIs = (state: string) => (status: Status) => status.daemon?.scaleOut?.redisState === state

function ask(url: string, path: string, { method = 'GET', body = '', scheme = `Bearer ${token}` } = {}) {
  const headers = { authorization: scheme, ...(body === '' ? {} : { 'content-type': 'application/json' }) }
  return fetch(`${url}${path}`, { method, headers, ...(body === '' ? {} : { body }) })
}

const basic = (password: string) => `Basic ${Buffer.from(`anybody:${password}`).toString('base64')}`

/** What a worker with two threads says at first. */
async function shakeHands({ client, url }: Led): Promise<Welcome> {
  const { daemon } = await statusOf(client)
  const program = { api: coordinatorApi, version: daemon?.version, planFormat, kernels: kernelsDigest() }
  const body = JSON.stringify({ ...program, host: 'elsewhere', pid: 12_345, threads: 2 })
  const response = await ask(url, '/v1/workers', { method: 'POST', body })
  expect(response.ok).toBe(true)
  return welcomeSchema.parse(await response.json())
}

/** Jobs that stand in a queue of BullMQ. */
async function standing({ command }: TestRedis, { prefix, queue }: Welcome): Promise<number> {
  return Number(await command('llen', `${prefix}:${queue}:wait`))
}

function convertJob(client: DaemonClient, output: string) {
  return addJob(client, { model: join(root(), 'model'), output, recipe: 'Q2_K', options: { pre: smallPre } })
}

describe('a worker that shook hands', () => {
  test('is in the status, in the list and on the screen; with it jobs stand in Redis, few of them', async () => {
    const redis = await startRedis()
    const led = await startLeading(redis.url, ['--threads', '0', '--lock-time', '7', '--redis-prefix', 'mine'])
    const { client, state } = led
    await statusWhen(client, redisIs('connected'))
    const { id } = await convertJob(client, join(await temporaryFolder(), 'x.gguf'))
    await jobConverting(client, id)
    const welcome = await shakeHands(led)
    expect(welcome).toMatchObject({ prefix: 'mine', lockMilliseconds: 7000 })
    const [worker] = statusSchema.parse(await statusOf(client)).workers
    expect(worker).toMatchObject({ id: welcome.worker, host: 'elsewhere', pid: 12_345, threads: 2, jobsDone: 0 })

    const body = JSON.stringify({
      ...{ threads: 2, tensor: 'blk.0.ffn_down.weight', weightsPerSecond: 7e6 },
      ...{ jobsDone: 3, failures: 1, resident: 1e8 },
    })
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const own = { ...headers, 'x-mibera-worker': welcome.worker }
    const beat = await fetch(`${led.url}/v1/workers/${welcome.worker}`, { method: 'PUT', headers: own, body })
    expect(beat.status).toBe(204)
    const list = await mibera(['worker', 'list', '--state-dir', state, '--json'])
    expect(JSON.parse(list.stdout)).toMatchObject([{ host: 'elsewhere', jobsDone: 3, failures: 1 }])
    const screen = (await mibera(['jobs', 'status', '--state-dir', state])).stdout
    expect(screen).toContain('Workers: 1 with 2 threads, 7 M weights/s')
    expect(screen).toContain('elsewhere  2 threads, 7 M weights/s, blk.0.ffn_down.weight, 1 failed')

    // Twice its threads.
    await vi.waitFor(async () => expect(await standing(redis, welcome)).toBe(4), 60_000)
    await client.ask('POST', `/v1/jobs/${id}/cancel`, { part: 'remove' })
    await vi.waitFor(async () => expect(await standing(redis, welcome)).toBe(0), 60_000)
  })

  test('threads of this machine go on with what it has in hand, to the very bytes', async () => {
    const redis = await startRedis()
    const led = await startLeading(redis.url, ['--threads', '1'])
    await statusWhen(led.client, redisIs('connected'))
    await shakeHands(led)
    const output = join(await temporaryFolder(), 'x.gguf')
    const { id } = await convertJob(led.client, output)
    await jobWhen(led.client, id, 'done')
    expect(await fileSha256(output)).toBe(expected)
  })
})

describe('Redis', () => {
  test('that is away stops nobody, and is found when it comes', async () => {
    const redis = await startRedis()
    await redis.kill()
    const { client, state } = await startLeading(redis.url, ['--threads', '1'])
    await statusWhen(client, redisIs('away'))
    const output = join(await temporaryFolder(), 'x.gguf')
    const { id } = await convertJob(client, output)
    await jobWhen(client, id, 'done')
    expect(await fileSha256(output)).toBe(expected)
    expect((await mibera(['jobs', 'status', '--state-dir', state])).stdout).toContain('is away')
    await redis.restart()
    await statusWhen(client, redisIs('connected'))
  })

  test('that hangs does not keep a daemon from draining within five seconds', async () => {
    const redis = await startRedis()
    const led = await startLeading(redis.url, ['--threads', '0'])
    await statusWhen(led.client, redisIs('connected'))
    const welcome = await shakeHands(led)
    const { id } = await convertJob(led.client, join(await temporaryFolder(), 'x.gguf'))
    await jobConverting(led.client, id)
    await vi.waitFor(async () => expect(await standing(redis, welcome)).toBe(4), 60_000)
    await redis.freeze()
    const begun = performance.now()
    await led.client.stop()
    expect(performance.now() - begun).toBeLessThan(5000)
    // Not cut: it said good-bye.
    expect(logOf(led.state)).toContain('the daemon has stopped')
    await redis.thaw()
    const list = await mibera(['jobs', 'list', '--state-dir', led.state, '--json'])
    expect(JSON.parse(list.stdout)).toMatchObject([{ id, state: 'queued', attempts: 0 }])
  })

  test('has a password that nobody is shown: neither in the status nor in the log', async () => {
    const redis = await startRedis(['--requirepass', 'open-sesame'])
    const url = redis.url.replace('//', '//default:open-sesame@')
    const { client, state } = await startLeading(url, ['--threads', '1'])
    await statusWhen(client, redisIs('connected'))
    const settings = JSON.stringify(await client.ask('GET', '/v1/settings'))
    expect(settings).toContain('default:***@')
    const { stdout } = await mibera(['daemon', 'status', '--state-dir', state])
    expect(stdout).toContain(`redis    redis://default@127.0.0.1:${redis.port}/0, connected`)
    const status = JSON.stringify(await statusOf(client))
    await client.stop()
    for (const text of [settings, stdout, status, logOf(state)]) expect(text).not.toContain('open-sesame')
  })

  test('takes its password from a file; with a wrong one the daemon says that it is refused', async () => {
    const redis = await startRedis(['--requirepass', 'open-sesame'])
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'right'), 'open-sesame\n')
    await writeFile(join(folder, 'wrong'), 'open-barley\n')
    const right = await startLeading(redis.url, ['--redis-password-file', join(folder, 'right')])
    await statusWhen(right.client, redisIs('connected'))
    const wrong = await startLeading(redis.url, ['--redis-password-file', join(folder, 'wrong')])
    await statusWhen(wrong.client, redisIs('refused'))
    expect(logOf(wrong.state)).toContain('REDIS_REFUSED')
    expect(logOf(wrong.state)).not.toContain('open-barley')
  })
})

test('a token that was replaced lets nobody in any more, and the new one does, without a restart', async () => {
  const { url, tokenFile } = await startLeading(`redis://127.0.0.1:${await freePort()}`)
  // A lawful token comes as far as the routes.
  expect((await ask(url, '/v1/nothing')).status).toBe(404)
  expect((await mibera(['daemon', 'token', tokenFile, '--force'])).status).toBe(0)
  await vi.waitFor(async () => expect((await ask(url, '/v1/nothing')).status).toBe(401), {
    timeout: 60_000,
    interval: 200,
  })
  const scheme = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`
  expect((await ask(url, '/v1/nothing', { scheme })).status).toBe(404)
})

describe('Bull Board', () => {
  test('is not there unless it was asked for', async () => {
    const { url } = await startLeading(`redis://127.0.0.1:${await freePort()}`)
    expect((await ask(url, '/board', { scheme: basic(token) })).status).toBe(404)
  })

  test('shows the queues to whoever has the token, and changes nothing', async () => {
    const redis = await startRedis()
    const { client, url } = await startLeading(redis.url, ['--bull-board'])
    await statusWhen(client, redisIs('connected'))
    expect((await fetch(`${url}/board`)).status).toBe(401)
    expect((await ask(url, '/board', { scheme: basic('something-else-altogether') })).status).toBe(401)
    const page = await ask(url, '/board', { scheme: basic(token) })
    expect(page.status).toBe(200)
    const script = /src="(static\/[^"]+\.js)"/.exec(await page.text())?.[1]
    expect((await ask(url, `/board/${script}`, { scheme: basic(token) })).status).toBe(200)
    const queues = await (await ask(url, '/board/api/queues', { scheme: basic(token) })).json()
    const names = (queues as { queues: { name: string; readOnlyMode: boolean }[] }).queues
    expect(names.map(({ name }) => name.replace(/-[0-9a-f]+$/, ''))).toEqual(['tensors', 'conversions', 'publish'])
    expect(names.every(({ readOnlyMode }) => readOnlyMode)).toBe(true)
    for (const action of ['pause', 'empty', 'obliterate', 'clean/waiting']) {
      const path = `/board/api/queues/${names[0]?.name}/${action}`
      expect((await ask(url, path, { method: 'PUT' })).status, action).toBe(405)
      // A foreign page could have a browser that knows the password ask for it.
      expect((await ask(url, path, { method: 'PUT', scheme: basic(token) })).status, action).toBe(401)
    }
    // What browsers send by themselves opens nothing of the workers'.
    expect((await ask(url, '/v1/workers', { method: 'POST', body: '{}', scheme: basic(token) })).status).toBe(401)
  })
})

describe('a start that cannot be', () => {
  async function refused(words: readonly string[]): Promise<{ status: unknown; stderr: string }> {
    const state = join(await temporaryFolder(), 'state')
    const redis = ['--redis', `redis://127.0.0.1:${await freePort()}`]
    return mibera(['daemon', 'start', '--state-dir', state, ...redis, ...words])
  }

  test('an address that is taken', async () => {
    const server = createServer()
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    onTestFinished(() => void server.close())
    const port = (server.address() as { port: number }).port
    await writeFile(join(root(), 'token'), token)
    const end = await refused(['--listen', `127.0.0.1:${port}`, '--token-file', join(root(), 'token')])
    expect(end).toMatchObject({ status: 8, stderr: expect.stringContaining(`port ${port}`) })
  })

  test('a token that is not there, or none', async () => {
    await writeFile(join(root(), 'short'), 'abc')
    for (const name of ['missing', 'short']) {
      const end = await refused(['--listen', '127.0.0.1:0', '--token-file', join(root(), name)])
      expect(end).toMatchObject({ status: 2, stderr: expect.stringContaining('(TOKEN_UNUSABLE)') })
    }
  })

  test('a certificate and the key of another', async () => {
    await writeFile(join(root(), 'token'), token)
    const [one, two] = [certificate('one'), certificate('two')]
    const words = ['--listen', '127.0.0.1:0', '--token-file', join(root(), 'token')]
    const end = await refused([...words, '--tls-cert', one.cert, '--tls-key', two.key])
    expect(end).toMatchObject({ status: 2, stderr: expect.stringContaining('cannot serve TLS') })
    const gone = await refused([...words, '--tls-cert', one.cert, '--tls-key', join(root(), 'gone.key')])
    expect(gone).toMatchObject({ status: 8, stderr: expect.stringContaining('--tls-key') })
  })
})

/** As docs/workers.md makes one. */
function certificate(name: string): { cert: string; key: string } {
  const [cert, key] = [join(root(), `${name}.pem`), join(root(), `${name}.key`)]
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=mibera', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]
  const { status, stderr } = spawnSync('openssl', [...words, ...subject], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl is needed to make a certificate: ${stderr}`)
  return { cert, key }
}

test('with a certificate it speaks TLS, of 1.2 at least, and nothing else', async () => {
  const { cert, key } = certificate('own')
  const redis = `redis://127.0.0.1:${await freePort()}`
  const { url } = await startLeading(redis, ['--tls-cert', cert, '--tls-key', key])
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
  const status = (options: object) =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` }
      const sent = request(`${url}/v1/nothing`, { agent: false, headers, ...options }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      sent.on('error', reject).end()
    })
  expect(await status({ ca: readFileSync(cert) })).toBe(404)
  await expect(status({})).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  await expect(status({ ca: readFileSync(cert), maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).rejects.toThrow()
  await expect(fetch(url.replace('https', 'http'))).rejects.toThrow()
})
