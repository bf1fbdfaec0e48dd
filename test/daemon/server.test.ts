import { existsSync, statSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DaemonClient } from '#dist/daemon/client.js'
import { controlAddress } from '#dist/daemon/control-address.js'
import { Daemon } from '#dist/daemon/daemon.js'
import { eventSchema, jobDetailsSchema, jobSchema, settingsSchema, statusSchema } from '#dist/daemon/protocol.js'
import { loadSettings } from '#dist/daemon/settings.js'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

/** A daemon in this process that has nothing to do. */
async function daemonIn(stateDirectory: string) {
  let stopRequests = 0
  const daemon = new Daemon({
    stateDirectory,
    settings: loadSettings(stateDirectory, {}, {}),
    version: 'test',
    log: pino({ level: 'silent' }),
    onStopRequest: () => {
      stopRequests++
      void daemon.stop()
    },
  })
  await daemon.start()
  onTestFinished(() => daemon.stop())
  return { daemon, client: new DaemonClient(stateDirectory), stopRequests: () => stopRequests }
}

/** Sends any bytes as a body; returns the status and the document. */
function send(
  stateDirectory: string,
  method: string,
  path: string,
  body?: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const sent = request({ socketPath: controlAddress(stateDirectory), method, path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const job = { model: '/nowhere/model', output: '/nowhere/model.gguf', recipe: 'Q2_K' as const }

test('every answer is as its schema says', async () => {
  const { client } = await daemonIn(await temporaryFolder())
  const added = jobSchema.strict().parse(await client.ask('POST', '/v1/jobs', job))
  statusSchema.strict().parse(await client.ask('GET', '/v1/status'))
  settingsSchema.parse(await client.ask('GET', '/v1/settings'))
  jobSchema.array().parse(await client.ask('GET', '/v1/jobs'))
  jobDetailsSchema.strict().parse(await client.ask('GET', `/v1/jobs/${added.id}`))
  jobSchema.strict().parse(await client.ask('POST', `/v1/jobs/${added.id}/cancel`, { part: 'keep' }))
})

test('events come in order, without a gap, from where the reader left off', async () => {
  const { client } = await daemonIn(await temporaryFolder())
  const { id } = jobSchema.parse(await client.ask('POST', '/v1/jobs', job))
  await client.ask('POST', `/v1/jobs/${id}/cancel`)
  const ids: number[] = []
  for await (const { event, data } of (await client.events('?after=1')) ?? []) {
    if (event === 'job') ids.push(eventSchema.parse(JSON.parse(data)).id)
    // The status follows the events that led to it.
    else if (statusSchema.parse(JSON.parse(data)).counts.cancelled === 1) break
  }
  expect(ids.length).toBeGreaterThan(0)
  expect(ids).toEqual(ids.map((_, index) => index + 2))
})

describe('a request that cannot be understood is refused with a document, and the daemon lives', () => {
  const cases: [string, string, string, string | undefined, number, string][] = [
    ['a path that is none', 'GET', '/v2/status', undefined, 400, 'USAGE'],
    ['a job that is none', 'GET', '/v1/jobs/7', undefined, 404, 'JOB_UNKNOWN'],
    ['a number that is none', 'GET', '/v1/jobs/seven', undefined, 400, 'USAGE'],
    ['a state that is none', 'GET', '/v1/jobs?state=over', undefined, 400, 'USAGE'],
    ['a body that is not JSON', 'POST', '/v1/jobs', '{"model":', 400, 'USAGE'],
    ['a body that is too long', 'POST', '/v1/jobs', JSON.stringify({ model: 'x'.repeat(70_000) }), 400, 'USAGE'],
    ['a type that is none', 'POST', '/v1/jobs', JSON.stringify({ ...job, recipe: 'Q9_K' }), 400, 'USAGE'],
    ['a field that is none', 'POST', '/v1/jobs', JSON.stringify({ ...job, treads: 2 }), 400, 'USAGE'],
    ['a part that is none', 'POST', '/v1/jobs/1/cancel', '{"part":"eat"}', 400, 'USAGE'],
  ]
  test.each(cases)('%s', async (_, method, path, body, status, code) => {
    const folder = await temporaryFolder()
    const { client } = await daemonIn(folder)
    const answer = await send(folder, method, path, body)
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code } })
    statusSchema.parse(await client.ask('GET', '/v1/status'))
  })
})

test('a stop is answered when the state directory is free again, and ends all streams', async () => {
  const folder = await temporaryFolder()
  const { daemon, client, stopRequests } = await daemonIn(folder)
  const stream = await client.events('')
  expect(await client.stop()).toBe(true)
  expect(stopRequests()).toBe(1)
  for await (const _ of stream ?? []);
  expect(await client.ask('GET', '/v1/status')).toBeUndefined()
  await daemonIn(folder)
  await daemon.stop()
  expect(statusSchema.parse(await client.ask('GET', '/v1/status')).daemon?.version).toBe('test')
})

test('stopping before the start is safe', async () => {
  const folder = await temporaryFolder()
  const settings = loadSettings(folder, {}, {})
  const log = pino({ level: 'silent' })
  await new Daemon({ stateDirectory: folder, settings, version: 'test', log, onStopRequest: () => {} }).stop()
})

describe.skipIf(process.platform === 'win32')('the socket', () => {
  test('is its owner’s alone, replaces one that a dead process left, and goes with the daemon', async () => {
    const folder = await temporaryFolder()
    writeFileSync(join(folder, 'control.sock'), '')
    const { daemon } = await daemonIn(folder)
    expect(statSync(join(folder, 'control.sock')).mode & 0o777).toBe(0o600)
    await daemon.stop()
    expect(existsSync(join(folder, 'control.sock'))).toBe(false)
  })

  test('of a path too long for one is in a folder of the user alone', async () => {
    const folder = join(await temporaryFolder(), 'a'.repeat(120))
    await mkdir(folder)
    const address = controlAddress(folder)
    expect(Buffer.byteLength(address)).toBeLessThan(104)
    const { client } = await daemonIn(folder)
    expect(statSync(join(address, '..')).mode & 0o777).toBe(0o700)
    expect(statSync(address).mode & 0o777).toBe(0o600)
    statusSchema.parse(await client.ask('GET', '/v1/status'))
  })
})
