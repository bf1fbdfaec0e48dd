import { randomBytes } from 'node:crypto'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { CoordinatorListener } from '#dist/daemon/coordinator/listener/listener.js'
import { madeHeader, remotePlanSchema, welcomeSchema } from '#dist/daemon/coordinator/protocol.js'
import { TokenFile } from '#dist/daemon/coordinator/trust/token-file.js'
import {
  KnowingConversion,
  madeOf,
  narrow,
  rightBlocks,
  smallPlan,
  sourceSize,
  wide,
} from '../../../helpers/coordinator-plan.ts'
import { goodHandshake, openListener, testToken } from '../../../helpers/open-listener.ts'
import { refusal } from '../../../helpers/refusal.ts'

/** A listener with one conversion whose source is on the disk, and a worker that has shaken hands. */
async function withConversion() {
  const listener = await openListener()
  const path = join(listener.folder, 'model.safetensors')
  const content = randomBytes(sourceSize)
  writeFileSync(path, content)
  const plan = smallPlan({ path, modifiedMs: Math.floor(statSync(path).mtimeMs) })
  const conversion = new KnowingConversion(plan)
  const remove = await listener.conversions.add(conversion, { sharedResults: false })
  const worker = await listener.join()
  const range = (first: number | string, last: number | string) =>
    listener.ask('GET', `/v1/conversions/${conversion.key}/sources/0`, {
      worker,
      headers: { range: `bytes=${first}-${last}` },
    })
  return { ...listener, path, content, conversion, remove, worker, range }
}

describe('the handshake', () => {
  test('gives an id, where the jobs are, and how often to report', async () => {
    const { ask, workers } = await openListener()
    const answer = await ask('POST', '/v1/workers', { body: goodHandshake })
    expect(answer.status).toBe(200)
    const welcome = welcomeSchema.strict().parse(JSON.parse(answer.bytes.toString()))
    expect(welcome).toMatchObject({ queue: 'tensors-test', prefix: 'test', lockMilliseconds: 30_000 })
    expect(workers.views()).toMatchObject([{ id: welcome.worker, host: 'elsewhere', threads: 3 }])
  })

  test.each([
    ['program', { version: 'other' }],
    ['plan format', { planFormat: 999 }],
    ['kernels', { kernels: '00'.repeat(32) }],
    ['protocol, whatever else it may say', { api: 2, somethingNew: true }],
  ])('refuses another %s', async (_, changes) => {
    const { ask, workers } = await openListener()
    const answer = await ask('POST', '/v1/workers', { body: { ...goodHandshake, ...changes } })
    expect(answer).toMatchObject({ status: 409, code: 'WORKER_VERSION' })
    expect(workers.views()).toEqual([])
  })
})

describe('a worker', () => {
  test('tells how it goes, and leaves', async () => {
    const { ask, join, workers } = await openListener()
    const worker = await join()
    const beat = { threads: 2, tensor: 'x', weightsPerSecond: 5, jobsDone: 1, failures: 0, resident: 10 }
    expect((await ask('PUT', `/v1/workers/${worker}`, { worker, body: beat })).status).toBe(204)
    expect(workers.views()).toMatchObject([beat])
    expect((await ask('DELETE', `/v1/workers/${worker}`, { worker })).status).toBe(204)
    expect(workers.views()).toEqual([])
    const again = await ask('PUT', `/v1/workers/${worker}`, { worker, body: beat })
    expect(again).toMatchObject({ status: 404, code: 'WORKER_UNKNOWN' })
  })

  test('in quarantine is refused whatever it asks', async () => {
    const { ask, conversion, workers, worker, range } = await withConversion()
    for (const why of ['one', 'two', 'three']) workers.strike(worker, why)
    const { key } = conversion
    const answers = await Promise.all([
      range(wide.first, wide.first),
      ask('GET', `/v1/conversions/${key}`, { worker }),
      ask('GET', `/v1/conversions/${key}/wanted/0/0/1`, { worker }),
      ask('PUT', `/v1/conversions/${key}/slices/1/0`, { worker }),
      ask('PUT', `/v1/workers/${worker}`, {
        worker,
        body: { threads: 2, tensor: null, weightsPerSecond: 5, jobsDone: 1, failures: 0, resident: 10 },
      }),
      ask('POST', '/v1/workers', { body: goodHandshake }),
    ])
    for (const answer of answers) expect(answer).toMatchObject({ status: 403, code: 'WORKER_QUARANTINED' })
  })
})

describe('a conversion', () => {
  test('is told as it is planned, and only while it is in work', async () => {
    const { ask, conversion, worker, remove } = await withConversion()
    const answer = await ask('GET', `/v1/conversions/${conversion.key}`, { worker })
    expect(answer.headers['content-type']).toContain('application/json')
    const plan = remotePlanSchema.strict().parse(JSON.parse(answer.bytes.toString()))
    expect(plan.sources).toEqual(conversion.plan.sources)
    await remove()
    const gone = await ask('GET', `/v1/conversions/${conversion.key}`, { worker })
    expect(gone).toMatchObject({ status: 410, code: 'CONVERSION_INACTIVE' })
  })

  test('tells which slices of a job are wanted', async () => {
    const { ask, conversion, worker } = await withConversion()
    conversion.makeHere({ tensor: 0, slice: 1 })
    const answer = await ask('GET', `/v1/conversions/${conversion.key}/wanted/0/0/3`, { worker })
    expect(JSON.parse(answer.bytes.toString())).toEqual({ slices: [0, 2].map((slice) => ({ tensor: 0, slice })) })
  })
})

describe('source bytes', () => {
  test('are those of the file, from any place of a tensor to any other', async () => {
    const { content, range } = await withConversion()
    const places = [
      [wide.first, wide.end - 1],
      [wide.first, wide.first],
      [wide.end - 1, wide.end - 1],
      [wide.first + 12_345, wide.first + 345_678],
      [narrow.first, narrow.end - 1],
    ] as const
    for (const [first, last] of places) {
      const answer = await range(first, last)
      expect(answer.status).toBe(206)
      expect(answer.headers['content-range']).toBe(`bytes ${first}-${last}/${sourceSize}`)
      expect(answer.bytes.equals(content.subarray(first, last + 1))).toBe(true)
    }
  })

  test('come to many at the same time, each their own', async () => {
    const { content, range } = await withConversion()
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const first = wide.first + index * 20_011
        const { bytes } = await range(first, first + 300_000)
        return bytes.equals(content.subarray(first, first + 300_001))
      }),
    )
    expect(answers.every(Boolean)).toBe(true)
  })

  test.each([
    [
      'are refused when the file is another by now',
      (path: string) => writeFileSync(path, 'short'),
      409,
      'SHARD_CHANGED',
    ],
    [
      'are refused when the file was written since the plan was made',
      (path: string) => writeFileSync(path, randomBytes(sourceSize)),
      409,
      'SHARD_CHANGED',
    ],
  ])('%s', async (_, change, status, code) => {
    const { path, range } = await withConversion()
    // Another time of change, however coarse the disk's clock.
    await expect
      .poll(() => {
        change(path)
        return range(wide.first, wide.first + 10)
      })
      .toMatchObject({ status, code })
  })
})

describe('the listener', () => {
  test('without TLS is for this machine only', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
      const error = await refusal(openListener({ listen: { host, port: 0 } }))
      expect(error.code).toBe('USAGE')
    }
  })

  test('says that an address is taken', async () => {
    const { port } = await openListener()
    const error = await refusal(openListener({ listen: { host: '127.0.0.1', port } }))
    expect(error.code).toBe('IO')
    expect(error.message).toContain(String(port))
  })

  test('ends at once, whatever is under way, and safely twice', async () => {
    const { listener, ask, worker, conversion } = await withConversion()
    let begun = () => {}
    let finish = () => {}
    const isBegun = new Promise<void>((resolve) => {
      begun = resolve
    })
    conversion.meanwhile = () => {
      begun()
      return new Promise((resolve) => {
        finish = resolve
      })
    }
    const blocks = rightBlocks(conversion.plan, { tensor: 1, slice: 0 })
    const headers = { 'content-type': 'application/octet-stream', [madeHeader]: madeOf(blocks) }
    const address = `/v1/conversions/${conversion.key}/slices/1/0`
    const cut = ask('PUT', address, { worker, headers, body: blocks }).then(
      () => 'answered',
      () => 'cut',
    )
    await isBegun
    const stopping = Promise.all([listener.stop(), listener.stop()])
    expect(await cut).toBe('cut')
    finish()
    await stopping
    await expect(ask('GET', '/v1/conversions/x', { worker })).rejects.toThrow()
  })

  test('may be ended before it was started', async () => {
    const { workers, conversions, tokenFile } = await openListener()
    const log = pino({ level: 'silent' })
    const listener = new CoordinatorListener({
      listen: { host: '127.0.0.1', port: 0 },
      token: new TokenFile(tokenFile, log),
      version: 'test',
      welcome: { queue: 'q', prefix: 'p', lockMilliseconds: 1 },
      ...{ conversions, workers, log },
    })
    await listener.stop()
    await listener.stop()
  })

  test('shows a board only to who has the token, by either way of giving it', async () => {
    const { ask } = await openListener({ board: (app) => void app.get('/board', () => ({ board: true })) })
    const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`me:${password}`).toString('base64')}` })
    expect((await ask('GET', '/board', { token: null })).status).toBe(401)
    expect((await ask('GET', '/board', { token: null, headers: basic('wrong') })).status).toBe(401)
    expect((await ask('GET', '/board', { token: null, headers: basic(testToken) })).status).toBe(200)
    expect((await ask('GET', '/board')).status).toBe(200)
    // What a foreign page could have a browser do is not done.
    expect((await ask('POST', '/board', { token: null, headers: basic(testToken) })).status).toBe(401)
    expect((await ask('GET', '/boarding', { token: null, headers: basic(testToken) })).status).toBe(401)
    const elsewhere = await ask('POST', '/v1/workers', { token: null, headers: basic(testToken), body: goodHandshake })
    expect(elsewhere.status).toBe(401)
  })

  test('takes a new token within a second or so, and the old one no longer', async () => {
    const { ask, tokenFile } = await openListener()
    writeFileSync(tokenFile, 'quite-another-token\n')
    await expect
      .poll(async () => (await ask('POST', '/v1/workers', { body: goodHandshake })).status, {
        timeout: 5000,
      })
      .toBe(401)
    const answer = await ask('POST', '/v1/workers', { token: 'quite-another-token', body: goodHandshake })
    expect(answer.status).toBe(200)
  })
})
