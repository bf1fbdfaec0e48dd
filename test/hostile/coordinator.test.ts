import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectSecure } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { madeHeader, workerHeader } from '#dist/daemon/coordinator/protocol.js'
import { usualLimits } from '#dist/daemon/coordinator/transfer/transfer-limits.js'
import { KnowingConversion, madeOf, narrow, rightBlocks, smallPlan, wide } from '../helpers/coordinator-plan.ts'
import { type Asking, goodHandshake, openListener, testToken } from '../helpers/open-listener.ts'
import { rawExchange, rawSocket } from '../helpers/raw-http.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'
import { makeCertificate } from '../scale-out/certificate.ts'

/**
 * A listener with a conversion of which nothing is on any disk: whatever opened a source would be answered with 503, and
 * whatever got as far as the output would be in `conversion.taken`.
 */
async function fortress(changes: Parameters<typeof openListener>[0] = {}, withWorker = true) {
  const listener = await openListener(changes)
  const plan = smallPlan({ path: '/nowhere/model.safetensors' })
  const conversion = new KnowingConversion(plan, { part: join(listener.folder, 'out.gguf.part') })
  await listener.conversions.add(conversion, { sharedResults: true })
  const worker = withWorker ? await listener.join() : ''
  const before = readdirSync(listener.folder, { recursive: true }).sort()
  const untouched = () => {
    expect(conversion.taken).toEqual([])
    expect(conversion.keptHere).toEqual([])
    expect(readdirSync(listener.folder, { recursive: true }).sort()).toEqual(before)
  }
  /** What was written in the log of requests that were refused. */
  const refused = () =>
    listener.lines
      .map((line) => JSON.parse(line) as { status?: number; code?: string; url?: string; unlogged?: number })
      .filter(({ status }) => status !== undefined)
  return { ...listener, plan, conversion, worker, untouched, refused }
}

const { key } = new KnowingConversion(smallPlan({ path: '' }))
const made = madeOf(Buffer.alloc(0))
const beat = { threads: 1, tensor: null, weightsPerSecond: 0, jobsDone: 0, failures: 0, resident: 0 }

/** Every route there is, asked as a worker would. */
const routes = (worker: string): [string, string, Asking][] => [
  ['POST', '/v1/workers', { body: goodHandshake }],
  ['PUT', `/v1/workers/${worker}`, { body: beat }],
  ['DELETE', `/v1/workers/${worker}`, {}],
  ['GET', `/v1/conversions/${key}`, {}],
  ['GET', `/v1/conversions/${key}/sources/0`, { headers: { range: `bytes=${wide.first}-${wide.first + 9}` } }],
  ['GET', `/v1/conversions/${key}/wanted/0/0/3`, {}],
  [
    'PUT',
    `/v1/conversions/${key}/slices/0/0`,
    { headers: { 'content-type': 'application/octet-stream', [madeHeader]: made }, body: Buffer.alloc(64) },
  ],
  ['POST', `/v1/conversions/${key}/slices/0/0/spooled`, { body: JSON.parse(made) as object }],
  ['POST', `/v1/conversions/${key}/slices/0/0/refusal`, { body: { outcome: 'overflow' } }],
]
const everyRoute = routes(randomUUID()).map(([method, path], index) => [`${method} ${path}`, index] as const)

describe('without the right token', () => {
  test.each(everyRoute)('%s is refused and logged, whoever asks', async (_, index) => {
    const { ask, worker, untouched, refused, workers } = await fortress()
    const [method, path, asking] = routes(worker)[index] as [string, string, Asking]
    const tokens = [null, '', 'x', 'a'.repeat(4000), testToken.slice(0, -1), `${testToken}x`, testToken.toUpperCase()]
    for (const token of tokens) {
      expect(await ask(method, path, { ...asking, token, worker })).toMatchObject({
        status: 401,
        code: 'TOKEN_REFUSED',
      })
    }
    expect(refused()).toHaveLength(tokens.length)
    expect(refused().every(({ status, code }) => status === 401 && code === 'TOKEN_REFUSED')).toBe(true)
    untouched()
    expect(workers.views()).toMatchObject([{ id: worker, strikes: 0 }])
  })

  test('there is no other way to show it, and none that shows what there is', async () => {
    const { ask, worker, untouched } = await fortress()
    const basic = Buffer.from(`worker:${testToken}`).toString('base64')
    const ways: [string, Record<string, string>][] = [
      [`/v1/conversions/${key}?token=${testToken}`, {}],
      [`/v1/conversions/${key}`, { cookie: `token=${testToken}` }],
      [`/v1/conversions/${key}`, { 'x-api-key': testToken }],
      [`/v1/conversions/${key}`, { authorization: testToken }],
      [`/v1/conversions/${key}`, { authorization: `Token ${testToken}` }],
      [`/v1/conversions/${key}`, { authorization: `Bearer  ${testToken}` }],
      [`/v1/conversions/${key}`, { authorization: `Bearer ${testToken} x` }],
      [`/v1/conversions/${key}`, { authorization: `Basic ${basic}` }],
      ['/no/such/thing', {}],
      ['/v1/%zz', {}],
      ['/board', {}],
      [`/v1/${'x'.repeat(2000)}`, {}],
    ]
    for (const [path, headers] of ways) {
      expect(await ask('GET', path, { token: null, worker, headers })).toMatchObject({ status: 401 })
    }
    untouched()
  })

  test('whoever goes on guessing is not even told that he is right; workers that are known go on', async () => {
    const { ask, worker, refused, lines } = await fortress()
    const guesses = []
    for (let guess = 0; guess < 100; guess++) {
      guesses.push(await ask('POST', '/v1/workers', { token: `guess-number-${guess}`, body: goodHandshake }))
    }
    expect(guesses.slice(0, 20).every(({ status }) => status === 401)).toBe(true)
    expect(guesses.slice(25).every(({ status }) => status === 429)).toBe(true)
    const right = await ask('POST', '/v1/workers', { body: goodHandshake })
    expect(right).toMatchObject({ status: 429, code: 'TOO_MANY_REQUESTS' })
    expect(Number(right.headers['retry-after'])).toBeGreaterThan(0)
    expect((await ask('GET', `/v1/conversions/${key}`, { worker })).status).toBe(200)
    // One whose token was changed must be told so, or it would never read its file again.
    const changed = await ask('GET', `/v1/conversions/${key}`, { worker, token: 'the-token-of-yesterday' })
    expect(changed).toMatchObject({ status: 401, code: 'TOKEN_REFUSED' })
    // The log is not flooded, and says how much it left out.
    expect(refused().length).toBeLessThan(70)
    expect(lines.join()).not.toContain('guess-number')
    expect(lines.join()).not.toContain(testToken)
  })
})

/** Where a number or a name of a conversion is expected. */
const tricks = [
  '..',
  '.',
  '%2e%2e',
  '..%2f..%2f..%2fetc%2fpasswd',
  '%2fetc%2fpasswd',
  '..%5c..%5cwindows%5cwin.ini',
  '....%2f%2f',
  '%252e%252e%252fetc',
  '%c0%ae%c0%ae%c0%af',
  '%e0%80%ae',
  'file:%2f%2f%2fetc%2fpasswd',
  'C:%5C',
  '%00',
  '0%00',
  '0%0a',
  '0%20',
  '%200',
  '-1',
  '-0',
  '+1',
  '00',
  '01',
  '1.0',
  '1e0',
  '0x0',
  'NaN',
  'Infinity',
  'null',
  '__proto__',
  'constructor',
  'toString',
  '%F0%9D%9F%8E',
  '%EF%BC%90',
  '999999999999999999999999',
  '9007199254740993',
  '[0]',
  '0,1',
  '0;1',
  '*',
  "0'--",
  '$%7B7*7%7D',
  'x'.repeat(99),
  'x'.repeat(3000),
  '%zz',
  '%',
]

describe('a trick in an address', () => {
  const places: [string, string, (trick: string) => string][] = [
    ['the worker of a heartbeat', 'PUT', (trick) => `/v1/workers/${trick}`],
    ['the worker of a farewell', 'DELETE', (trick) => `/v1/workers/${trick}`],
    ['a conversion', 'GET', (trick) => `/v1/conversions/${trick}`],
    ['a conversion of sources', 'GET', (trick) => `/v1/conversions/${trick}/sources/0`],
    ['a source', 'GET', (trick) => `/v1/conversions/${key}/sources/${trick}`],
    ['a tensor that is asked for', 'GET', (trick) => `/v1/conversions/${key}/wanted/${trick}/0/1`],
    ['a first slice', 'GET', (trick) => `/v1/conversions/${key}/wanted/0/${trick}/1`],
    ['a number of slices', 'GET', (trick) => `/v1/conversions/${key}/wanted/0/0/${trick}`],
    ['the conversion of an upload', 'PUT', (trick) => `/v1/conversions/${trick}/slices/1/0`],
    ['the tensor of an upload', 'PUT', (trick) => `/v1/conversions/${key}/slices/${trick}/0`],
    ['the slice of an upload', 'PUT', (trick) => `/v1/conversions/${key}/slices/1/${trick}`],
    ['the tensor of a shared result', 'POST', (trick) => `/v1/conversions/${key}/slices/${trick}/0/spooled`],
    ['the slice of a shared result', 'POST', (trick) => `/v1/conversions/${key}/slices/0/${trick}/spooled`],
    ['the tensor of a refusal', 'POST', (trick) => `/v1/conversions/${key}/slices/${trick}/0/refusal`],
    ['the slice of a refusal', 'POST', (trick) => `/v1/conversions/${key}/slices/0/${trick}/refusal`],
    ['what comes behind an address', 'GET', (trick) => `/v1/conversions/${key}/sources/0/${trick}`],
  ]
  const asking = (method: string, path: string): Asking => {
    if (method === 'GET') return { headers: { range: `bytes=${wide.first}-${wide.first + 9}` } }
    if (path.endsWith('spooled')) return { body: JSON.parse(made) as object }
    if (path.endsWith('refusal')) return { body: { outcome: 'overflow' } }
    if (path.includes('slices')) {
      const headers = { 'content-type': 'application/octet-stream', [madeHeader]: madeOf(Buffer.alloc(1024)) }
      return { headers, body: Buffer.alloc(1024) }
    }
    return { body: beat }
  }
  // What names something that could be: a conversion that is over (410), or a slice that the plan has not (422, 416).
  const lawful = new Set([404, 410, 416, 422])

  test.each(places)('in the place of %s is refused, and nothing is opened', async (_, method, place) => {
    const { ask, worker, untouched, workers } = await fortress()
    for (const trick of tricks) {
      const path = place(trick)
      const { status, bytes } = await ask(method, path, { ...asking(method, path), worker })
      expect(lawful.has(status), `${method} ${path} → ${status} ${bytes}`).toBe(true)
    }
    untouched()
    expect(workers.views()).toMatchObject([{ id: worker, strikes: 0 }])
  })

  test('of the request line itself leads nowhere', async () => {
    const { port, worker, untouched } = await fortress()
    const heads = [
      'GET /v1/conversions/../../../../etc/passwd HTTP/1.1',
      'GET //etc/passwd HTTP/1.1',
      'GET http://127.0.0.1/etc/passwd HTTP/1.1',
      'GET file:///etc/passwd HTTP/1.1',
      'GET * HTTP/1.1',
      'OPTIONS * HTTP/1.1',
      'TRACE /v1/workers HTTP/1.1',
      `HEAD /v1/conversions/${key} HTTP/1.1`,
      `PATCH /v1/conversions/${key} HTTP/1.1`,
      `DELETE /v1/conversions/${key} HTTP/1.1`,
      'GET /v1/conversions\\..\\.. HTTP/1.1',
    ]
    for (const head of heads) {
      const text = `${head}\r\nhost: x\r\nauthorization: Bearer ${testToken}\r\n${workerHeader}: ${worker}\r\nconnection: close\r\n\r\n`
      const answer = await rawExchange(port, text)
      expect(answer, head).toMatch(/^HTTP\/1\.1 (400|404) /)
      expect(answer, head).not.toContain('root:')
    }
    untouched()
  })
})

describe('a range of source bytes is refused', () => {
  const range = (first: number | bigint | string, last: number | bigint | string) => `bytes=${first}-${last}`
  const cases: [string, string | undefined][] = [
    ['that is missing', undefined],
    ['of the header', range(0, 9)],
    ['that begins before a tensor', range(wide.first - 1, wide.first + 9)],
    ['that ends behind a tensor', range(wide.first, wide.end)],
    ['between tensors', range(wide.end, wide.end + 9)],
    ['over two tensors and what is between', range(wide.first, narrow.end - 1)],
    ['behind the last tensor', range(narrow.end, narrow.end + 9)],
    ['behind the end of the file', range(2 ** 40, 2 ** 40 + 9)],
    ['of the whole file', range(0, 2 ** 52)],
    ['that ends before it begins', range(wide.first + 9, wide.first)],
    ['without an end', range(wide.first, '')],
    ['counted from the end', range('', 100)],
    ['of two pieces', `${range(wide.first, wide.first + 9)},${wide.first + 20}-${wide.first + 29}`],
    ['of pieces that overlap', `${range(wide.first, wide.first + 9)}, ${wide.first + 5}-${wide.first + 29}`],
    ['of a thousand pieces', `bytes=${Array.from({ length: 600 }, (_, i) => `${i}-${i}`).join(',')}`],
    ['in other units', `rows=${wide.first}-${wide.first + 9}`],
    ['in capitals', `BYTES=${wide.first}-${wide.first + 9}`],
    ['with spaces', `bytes= ${wide.first} - ${wide.first + 9}`],
    ['with leading zeros', range(`0${wide.first}`, wide.first + 9)],
    ['with signs', range(`+${wide.first}`, wide.first + 9)],
    ['in hexadecimal', range('0x3e8', '0x3f0')],
    ['with an exponent', range('1e3', '1.1e3')],
    ['beyond what is exact', range(wide.first, 2n ** 63n)],
    ['beyond all bounds', range('9'.repeat(400), '9'.repeat(400))],
    ['with nothing', ''],
  ]
  test.each(cases)('%s', async (_, value) => {
    const { ask, worker, untouched, refused } = await fortress()
    const headers = value === undefined ? {} : { range: value }
    const answer = await ask('GET', `/v1/conversions/${key}/sources/0`, { worker, headers })
    expect(answer).toMatchObject({ status: 416, code: 'RANGE_REFUSED' })
    expect(refused()).toMatchObject([{ status: 416, code: 'RANGE_REFUSED' }])
    untouched()
  })

  test('of a source that the plan has not, even where the other plan would have it', async () => {
    const { ask, worker } = await fortress()
    const headers = { range: range(wide.first, wide.first + 9) }
    for (const source of [1, 2, 1e9]) {
      const answer = await ask('GET', `/v1/conversions/${key}/sources/${source}`, { worker, headers })
      expect(answer).toMatchObject({ status: 416, code: 'RANGE_REFUSED' })
    }
  })

  test('but a lawful one does get as far as the file, which here is not there', async () => {
    const { ask, worker } = await fortress()
    const headers = { range: range(wide.first, wide.first + 9) }
    const answer = await ask('GET', `/v1/conversions/${key}/sources/0`, { worker, headers })
    expect(answer).toMatchObject({ status: 503, code: 'IO' })
  })
})

describe('a slice that the plan has not', () => {
  test.each([
    ['GET', 'wanted/3/0/1'],
    ['GET', 'wanted/0/3/1'],
    ['GET', 'wanted/0/0/4'],
    ['GET', 'wanted/0/2/2'],
    ['GET', 'wanted/0/0/0'],
    ['GET', 'wanted/0/0/100000000000000'],
    ['GET', 'wanted/0/100000000000000/1'],
    ['PUT', 'slices/0/3'],
    ['PUT', 'slices/3/0'],
    ['POST', 'slices/1/1/spooled'],
    ['POST', 'slices/99/0/refusal'],
  ])('%s %s is refused', async (method, path) => {
    const { ask, worker, untouched } = await fortress()
    const asking = path.endsWith('spooled')
      ? { body: JSON.parse(made) as object }
      : path.endsWith('refusal')
        ? { body: { outcome: 'overflow' } }
        : method === 'PUT'
          ? { headers: { 'content-type': 'application/octet-stream', [madeHeader]: made }, body: Buffer.alloc(9) }
          : {}
    const answer = await ask(method, `/v1/conversions/${key}/${path}`, { worker, ...asking })
    expect(answer).toMatchObject({ status: 422, code: 'SLICE_REFUSED' })
    untouched()
  })
})

describe('a document that is not lawful', () => {
  const json = { 'content-type': 'application/json' }
  const handshake = (changes: object) => JSON.stringify({ ...goodHandshake, ...changes })
  const cases: [string, string, string, Record<string, string>, number][] = [
    ['no JSON', '/v1/workers', '{"api":', json, 400],
    ['nothing', '/v1/workers', '', json, 400],
    ['another type', '/v1/workers', handshake({}), { 'content-type': 'text/plain' }, 415],
    ['a form', '/v1/workers', 'api=1', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['octets', '/v1/workers', handshake({}), { 'content-type': 'application/octet-stream' }, 415],
    ['no type', '/v1/workers', handshake({}), {}, 415],
    ['a type that is none', '/v1/workers', handshake({}), { 'content-type': '/;;=' }, 415],
    ['packed bytes', '/v1/workers', '\u001f\u008b\u0008', { ...json, 'content-encoding': 'gzip' }, 400],
    ['a list', '/v1/workers', '[]', json, 400],
    ['null', '/v1/workers', 'null', json, 400],
    ['a text', '/v1/workers', '"x"', json, 400],
    ['a key that is none', '/v1/workers', handshake({ path: '/etc/passwd' }), json, 400],
    ['a prototype', '/v1/workers', `{"__proto__":{"x":1},${handshake({}).slice(1)}`, json, 400],
    ['a constructor', '/v1/workers', `{"constructor":{"prototype":{"x":1}},${handshake({}).slice(1)}`, json, 400],
    ['a negative number', '/v1/workers', handshake({ pid: -1 }), json, 400],
    ['no whole number', '/v1/workers', handshake({ threads: 1.5 }), json, 400],
    ['far too large a number', '/v1/workers', handshake({ threads: 1e9 }), json, 400],
    ['an infinite number', '/v1/workers', handshake({}).replace('"pid":1234', '"pid":1e999'), json, 400],
    ['a long name', '/v1/workers', handshake({ host: 'x'.repeat(300) }), json, 400],
    ['a long document', '/v1/workers', handshake({ host: 'x'.repeat(20_000) }), json, 413],
    ['deep nesting', '/v1/workers', '['.repeat(8000) + ']'.repeat(8000), json, 400],
    ['a negative beat', 'beat', JSON.stringify({ ...beat, resident: -1 }), json, 400],
    ['a key of a beat that is none', 'beat', JSON.stringify({ ...beat, quarantined: false }), json, 400],
    ['a digest that is none', 'slices/0/0/spooled', made.replace(/[0-9a-f]{64}/, '../../etc/passwd'), json, 400],
    ['a path of a result', 'slices/0/0/spooled', `{"path":"/etc/passwd",${made.slice(1)}`, json, 400],
    ['an outcome that is none', 'slices/0/0/refusal', '{"outcome":"tired"}', json, 400],
  ]
  test.each(cases)('(%s) is refused, logged, and forgotten', async (_, place, body, headers, status) => {
    const { ask, worker, untouched, refused, workers } = await fortress()
    const path = place === 'beat' ? `/v1/workers/${worker}` : place
    const address = path.startsWith('/') ? path : `/v1/conversions/${key}/${path}`
    const answer = await ask(place === 'beat' ? 'PUT' : 'POST', address, { worker, headers, body })
    expect(answer).toMatchObject({ status, code: 'USAGE' })
    expect(refused()).toMatchObject([{ status, code: 'USAGE' }])
    untouched()
    expect(workers.views()).toMatchObject([{ id: worker, threads: 3, strikes: 0 }])
    expect(({} as { x?: number }).x).toBeUndefined()
  })
})

describe('an upload', () => {
  const address = `/v1/conversions/${key}/slices/1/0`
  const octets = { 'content-type': 'application/octet-stream' }
  const right = rightBlocks(smallPlan({ path: '' }), { tensor: 1, slice: 0 })

  test.each([
    ['without a word about it', { ...octets }, 400],
    ['with no JSON about it', { ...octets, [madeHeader]: '{' }, 400],
    ['with a list about it', { ...octets, [madeHeader]: '[]' }, 400],
    ['with a key that is none', { ...octets, [madeHeader]: `{"path":"/etc/passwd",${made.slice(1)}` }, 400],
    ['with a negative error', { ...octets, [madeHeader]: made.replace('0.5', '-0.5') }, 400],
    ['with an infinite error', { ...octets, [madeHeader]: made.replace('0.5', '1e999') }, 400],
    ['with a digest of another length', { ...octets, [madeHeader]: made.replace(/[0-9a-f]{64}/, 'ab') }, 400],
    ['as JSON', { 'content-type': 'application/json', [madeHeader]: made }, 415],
    ['as text', { 'content-type': 'text/plain', [madeHeader]: made }, 415],
    ['as a form', { 'content-type': 'multipart/form-data; boundary=x', [madeHeader]: made }, 415],
    ['of no type', { [madeHeader]: made }, 415],
  ])('%s is refused unread', async (_, headers, status) => {
    const { ask, worker, untouched } = await fortress()
    expect(await ask('PUT', address, { worker, headers, body: right })).toMatchObject({ status, code: 'USAGE' })
    untouched()
  })

  test('of unknown length is refused: how much to expect must be known before', async () => {
    const { port, worker, untouched } = await fortress()
    const head = `PUT ${address} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testToken}\r\n${workerHeader}: ${worker}\r\ncontent-type: application/octet-stream\r\n${madeHeader}: ${made}\r\ntransfer-encoding: chunked\r\n\r\n`
    expect(await rawExchange(port, `${head}400\r\n${'x'.repeat(1024)}\r\n`)).toMatch(/^HTTP\/1\.1 411 /)
    untouched()
  })

  test.each([
    ['with two lengths', 'content-length: 1024\r\ncontent-length: 5\r\n'],
    ['with a length and chunks', 'content-length: 1024\r\ntransfer-encoding: chunked\r\n'],
    ['with a negative length', 'content-length: -1\r\n'],
    ['with a length that is none', 'content-length: 1e3\r\n'],
    ['with an encoding that is none', 'transfer-encoding: xchunked\r\ncontent-length: 1024\r\n'],
  ])('%s is no HTTP', async (_, lengths) => {
    const { port, worker, untouched } = await fortress()
    const head = `PUT ${address} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testToken}\r\n${workerHeader}: ${worker}\r\ncontent-type: application/octet-stream\r\n${madeHeader}: ${made}\r\n${lengths}\r\n`
    expect(await rawExchange(port, head)).toMatch(/^HTTP\/1\.1 (400|411) /)
    untouched()
  })

  test('that says it is a terabyte is refused before it comes, and the connection is closed', async () => {
    const { port, worker, untouched } = await fortress()
    const head = `PUT ${address} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testToken}\r\n${workerHeader}: ${worker}\r\ncontent-type: application/octet-stream\r\n${madeHeader}: ${made}\r\ncontent-length: 1099511627776\r\n\r\n`
    const answer = await rawExchange(port, head)
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer).toMatch(/connection: close/i)
    untouched()
  })

  test('that waits to be invited is not, before the token was seen', async () => {
    const { port, worker, conversion } = await fortress()
    const head = (token: string) =>
      `PUT ${address} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n${workerHeader}: ${worker}\r\ncontent-type: application/octet-stream\r\n${madeHeader}: ${madeOf(right)}\r\ncontent-length: 1024\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n`
    expect(await rawExchange(port, head('wrong-token'))).toMatch(/^HTTP\/1\.1 401 /)
    const invited = await rawExchange(port, head(testToken) + right.toString('latin1'))
    expect(invited).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
    expect(conversion.taken).toHaveLength(1)
  })

  test('that stands still, or only trickles, is cut off, and its memory is free for others', async () => {
    const limits = { ...usualLimits, received: 4096, stillMilliseconds: 200 }
    const { port, worker, ask, conversion, refused, join } = await fortress({ limits })
    const other = await join({ pid: 77 })
    const head = (path: string, length: number) =>
      `PUT ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testToken}\r\n${workerHeader}: ${other}\r\ncontent-type: application/octet-stream\r\n${madeHeader}: ${made}\r\ncontent-length: ${length}\r\n\r\n`
    // A megabyte, for which half a minute would be allowed if something of it came.
    const still = rawSocket(port, `${head(`/v1/conversions/${key}/slices/0/0`, 2 ** 15 * 34)}xxx`)
    const trickle = rawSocket(port, head(address, 1024))
    const drops = setInterval(() => trickle.socket.write('x'), 20)
    await Promise.all([still.closed, trickle.closed])
    clearInterval(drops)
    expect(refused().map(({ code }) => code)).toEqual(['SLICE_REFUSED', 'SLICE_REFUSED'])
    expect(conversion.taken).toEqual([])
    const headers = { ...octets, [madeHeader]: madeOf(right) }
    expect((await ask('PUT', address, { worker, headers, body: right })).status).toBe(200)
  }, 15_000)

  test('that is broken off in the middle leaves nothing behind, and is no fault', async () => {
    const { port, worker, ask, conversion, workers } = await fortress()
    const head = `PUT ${address} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testToken}\r\n${workerHeader}: ${worker}\r\ncontent-type: application/octet-stream\r\n${madeHeader}: ${madeOf(right)}\r\ncontent-length: 1024\r\n\r\n`
    const broken = rawSocket(port, head + right.subarray(0, 1000).toString('latin1'))
    await broken.sent
    broken.socket.destroy()
    const headers = { ...octets, [madeHeader]: madeOf(right) }
    expect((await ask('PUT', address, { worker, headers, body: right })).status).toBe(200)
    expect(conversion.taken).toMatchObject([{ taken: 'accepted' }])
    expect(workers.views()).toMatchObject([{ strikes: 0 }])
  })
})

describe('who speaks for another worker', () => {
  test('is told that there is none', async () => {
    const { ask, worker, join, workers, untouched } = await fortress()
    const other = await join({ pid: 77 })
    for (const [method, asking] of [
      ['PUT', { body: { ...beat, threads: 99 } }],
      ['DELETE', {}],
    ] as const) {
      const answer = await ask(method, `/v1/workers/${other}`, { worker, ...asking })
      expect(answer).toMatchObject({ status: 404, code: 'WORKER_UNKNOWN' })
    }
    expect(workers.views().map(({ threads }) => threads)).toEqual([3, 3])
    untouched()
  })

  test.each([
    ['none', undefined],
    ['one that nobody gave', randomUUID()],
    ['a path', '../../../etc/passwd'],
    ['a name of an object', '__proto__'],
    ['an empty one', ''],
    ['a long one', 'x'.repeat(2000)],
  ])('or has %s as id, likewise, whatever he asks', async (_, id) => {
    const { ask, worker, untouched } = await fortress()
    for (const [method, path, asking] of routes(worker).slice(1)) {
      const answer = await ask(method, path, { ...asking, ...(id === undefined ? {} : { worker: id }) })
      expect(answer).toMatchObject({ status: 404, code: 'WORKER_UNKNOWN' })
    }
    untouched()
  })

  test('or has two ids', async () => {
    const { port, worker, join } = await fortress()
    const other = await join({ pid: 77 })
    const text = `DELETE /v1/workers/${other} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testToken}\r\n${workerHeader}: ${worker}\r\n${workerHeader}: ${other}\r\nconnection: close\r\n\r\n`
    expect(await rawExchange(port, text)).toMatch(/^HTTP\/1\.1 404 /)
  })
})

describe('what is hardly HTTP', () => {
  const lines = (count: number) => Array.from({ length: count }, (_, index) => `x-${index}: y\r\n`).join('')
  test.each([
    ['a huge header', `GET /v1/workers HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 431],
    [
      'a huge token',
      `GET /v1/workers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${'y'.repeat(100_000)}\r\n\r\n`,
      431,
    ],
    ['very many headers', `GET /v1/workers HTTP/1.1\r\nhost: x\r\n${lines(20_000)}\r\n`, 431],
    ['a huge address', `GET /${'y'.repeat(100_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431],
    ['no HTTP at all', 'EHLO mail.example\r\n\r\n', 400],
    ['TLS', `\u0016\u0003\u0001\u0002\u0000\u0001\u0000\r\n\r\n`, 400],
    ['a split header', 'GET /v1/workers HTTP/1.1\r\nhost: x\r\nauthorization\r\n : x\r\n\r\n', 400],
    ['bare line feeds', 'GET /v1/workers HTTP/1.1\nhost: x\n\n', 400],
    ['no host', 'GET /v1/workers HTTP/1.1\r\nconnection: close\r\n\r\n', 401],
    ['an odd wish', 'GET /v1/workers HTTP/1.1\r\nhost: x\r\nexpect: wonders\r\nconnection: close\r\n\r\n', 401],
    [
      'a change of protocol',
      'GET /v1/workers HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade, close\r\n\r\n',
      401,
    ],
  ])('(%s) is answered shortly, logged, and cut off', async (_, text, status) => {
    const { port, lines: log, ask, worker } = await fortress()
    const before = log.length
    expect(await rawExchange(port, text)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(log.length).toBe(before + 1)
    expect((await ask('GET', `/v1/conversions/${key}`, { worker })).status).toBe(200)
  })

  test('a wish for a tunnel is cut off', async () => {
    const { port, lines: log } = await fortress()
    expect(await rawExchange(port, 'CONNECT 10.0.0.1:22 HTTP/1.1\r\nhost: 10.0.0.1:22\r\n\r\n')).toBe('')
    expect(log.join()).toContain('proxy')
  })

  test('a request that does not come to an end is cut off', async () => {
    const { port, lines: log } = await fortress()
    const silent = rawSocket(port, '')
    const slow = rawSocket(port, 'GET /v1/workers HTTP/1.1\r\nhost: x\r\n')
    const drops = setInterval(() => slow.socket.write('x: y\r\n'), 500)
    await Promise.all([silent.closed, slow.closed])
    clearInterval(drops)
    expect(log.filter((line) => line.includes('TIMEOUT')).length).toBeGreaterThan(0)
  }, 60_000)

  test('plain HTTP, a silent client and an old version of TLS get nothing where TLS is spoken', async () => {
    const { key: keyFile, certificate } = makeCertificate(await temporaryFolder(), ['127.0.0.1'])
    const tls = { cert: readFileSync(certificate), key: readFileSync(keyFile) }
    const { port, lines: log } = await fortress({ tls }, false)
    const silent = rawSocket(port, '')
    expect(await rawExchange(port, `GET /v1/workers HTTP/1.1\r\nauthorization: Bearer ${testToken}\r\n\r\n`)).toBe('')
    const old = connectSecure({ port, host: '127.0.0.1', maxVersion: 'TLSv1.1', ca: tls.cert })
    const refusedOld = new Promise((resolve) => old.once('error', resolve))
    expect(await refusedOld).toBeInstanceOf(Error)
    expect(await silent.closed).toBe('')
    expect(log.filter((line) => line.includes('no TLS'))).toHaveLength(3)
    expect(log.join()).not.toContain(testToken)
  }, 60_000)

  test('connections of one address have a bound, and those that are there go on', async () => {
    const { port, ask, worker, lines: log } = await fortress()
    expect((await ask('GET', `/v1/conversions/${key}`, { worker })).status).toBe(200)
    const sockets = Array.from({ length: 1100 }, () => rawSocket(port, ''))
    await Promise.race(sockets.map(({ closed }) => closed))
    expect(log.some((line) => line.includes('connections'))).toBe(true)
    expect((await ask('GET', `/v1/conversions/${key}`, { worker })).status).toBe(200)
    for (const { socket } of sockets) socket.destroy()
    await Promise.all(sockets.map(({ closed }) => closed))
  })
})
