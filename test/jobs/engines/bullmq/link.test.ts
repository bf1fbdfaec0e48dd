import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { createServer } from 'node:tls'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { redisAddress } from '#dist/jobs/engines/bullmq/redis-settings.js'
import { linkIs, plainWorker, startedLink, type TestLink, testLink } from '../../../helpers/bullmq-link.ts'
import { FakeConversion, jobRanges, making } from '../../../helpers/fake-conversion.ts'
import { nodeRelease } from '../../../helpers/node-release.ts'
import { startRedis, type TestRedis } from '../../../helpers/redis.ts'
import { freePort } from '../../../helpers/redis-server.ts'
import { temporaryFolder } from '../../../helpers/temporary-folder.ts'
import { makeCertificate } from '../../../scale-out/certificate.ts'

const running = () => new AbortController().signal
const warnings = ({ lines }: TestLink) => lines.filter(({ level }) => level === 'warn').map(({ message }) => message)

/** Neither BullMQ nor ioredis may write to the console of a daemon, whatever happens. */
const said = vi.fn()
beforeEach(() => {
  said.mockClear()
  for (const method of ['log', 'info', 'warn', 'error'] as const) vi.spyOn(console, method).mockImplementation(said)
})
afterEach(() => {
  vi.restoreAllMocks()
  expect(said.mock.calls).toEqual([])
})

test('Redis that is not there yet is a state, told once; the jobs are there when it is', async () => {
  const redis = await startRedis()
  await redis.kill()
  const tested = await startedLink(redis.url, 'away')
  const conversion = new FakeConversion()
  const engine = tested.link.engine(conversion)
  expect(engine.capacity).toBe(0)
  const runs = jobRanges(20).map((range) => engine.run(range, running()))
  await plainWorker(tested, making(conversion))
  await redis.restart()
  await Promise.all(runs)
  expect(warnings(tested)).toEqual([
    `Redis at ${redis.url}/0 cannot be reached: connect ECONNREFUSED 127.0.0.1:${redis.port}`,
  ])
  expect(engine.capacity).toBe(100)
})

test('an engine is told when its capacity changes: Redis comes, Redis goes, workers come', async () => {
  const redis = await startRedis()
  let lookAhead = 0
  const tested = await testLink(redis.url, { lookAhead: () => lookAhead })
  const engine = tested.link.engine(new FakeConversion())
  const seen: number[] = []
  const quiet = engine.onCapacity(() => seen.push(engine.capacity))
  tested.link.start()
  await linkIs(tested.link, 'connected')
  lookAhead = 7
  tested.link.lookAheadChanged()
  expect(seen.at(-1)).toBe(7)
  await redis.kill()
  await linkIs(tested.link, 'away')
  expect(seen.at(-1)).toBe(0)
  await redis.restart()
  await linkIs(tested.link, 'connected')
  expect(seen.at(-1)).toBe(7)
  quiet()
  const before = seen.length
  tested.link.lookAheadChanged()
  expect(seen.length).toBe(before)
})

test('Redis killed and back without its data: what was delivered meanwhile counts, the rest is added again', async () => {
  const redis = await startRedis()
  const tested = await startedLink(redis.url, 'connected')
  const conversion = new FakeConversion()
  const runs = jobRanges(50).map((range) => tested.link.engine(conversion).run(range, running()))
  await redis.kill()
  await linkIs(tested.link, 'away')
  for (let slice = 0; slice < 32; slice++) conversion.deliver({ tensor: 0, slice })
  await Promise.all(runs.slice(0, 2))
  await redis.restart()
  const seen: number[] = []
  await plainWorker(tested, async (range) => {
    seen.push(range.firstSlice)
    await making(conversion)(range)
  })
  await Promise.all(runs)
  expect(seen.toSorted((a, b) => a - b)).toEqual(
    jobRanges(50)
      .map(({ firstSlice }) => firstSlice)
      .slice(2),
  )
})

test('FLUSHALL while jobs wait: they are added again', async () => {
  const redis = await startRedis()
  const tested = await startedLink(redis.url, 'connected')
  const conversion = new FakeConversion()
  const engine = tested.link.engine(conversion)
  const runs = jobRanges(50).map((range) => engine.run(range, running()))
  while ((await redis.command('llen', `${tested.prefix}:tensors-test:wait`)) !== 50);
  await redis.command('flushall')
  await plainWorker(tested, making(conversion))
  await Promise.all(runs)
  expect(conversion.delivered.size).toBe(50 * 16)
  expect(warnings(tested)).toEqual([])
})

test('Redis that hangs is away, and back when it answers again', { timeout: 60_000 }, async () => {
  const redis = await startRedis()
  const tested = await startedLink(redis.url, 'connected')
  const conversion = new FakeConversion()
  await redis.freeze()
  const runs = jobRanges(5).map((range) => tested.link.engine(conversion).run(range, running()))
  await linkIs(tested.link, 'away')
  await redis.thaw()
  await plainWorker(tested, making(conversion))
  await Promise.all(runs)
  await linkIs(tested.link, 'connected')
})

test.each(['answers', 'hangs', 'is gone'] as const)('stops within a second when Redis %s', async (how) => {
  const redis = await startRedis()
  const tested = await startedLink(redis.url, 'connected')
  const engine = tested.link.engine(new FakeConversion())
  const runs = jobRanges(1000).map((range) => engine.run(range, running()).catch((error: unknown) => error))
  if (how === 'hangs') await redis.freeze()
  if (how === 'is gone') await redis.kill()
  const begun = performance.now()
  await tested.link.stop()
  expect(performance.now() - begun).toBeLessThan(1000)
  for (const error of await Promise.all(runs)) expect(error).toMatchObject({ code: 'ENGINE_LOST' })
  expect(tested.link.state.kind).toBe('stopped')
  await tested.link.stop()
})

test('stopped before it was started, and while it connects', async () => {
  const tested = await testLink(`redis://127.0.0.1:${await freePort()}`)
  await tested.link.stop()
  tested.link.start()
  await tested.link.stop()
  expect(tested.link.state.kind).toBe('stopped')
  expect(warnings(tested)).toEqual([])
})

test('started again after it was stopped', async () => {
  const redis = await startRedis()
  const tested = await startedLink(redis.url, 'connected')
  await tested.link.stop()
  tested.link.start()
  await linkIs(tested.link, 'connected')
})

test.each([
  ['no password', '', /^NOAUTH/],
  ['a wrong password', ':wrong-secret@', /^WRONGPASS/],
  ['a user that there is not', 'nobody:wrong-secret@', /^WRONGPASS/],
])('refused for %s: told once, without the password; let in when that is mended', async (_, login, reply) => {
  const redis = await startRedis(['--requirepass', 'right-secret'])
  const tested = await startedLink(`redis://${login}127.0.0.1:${redis.port}`, 'refused')
  const { state } = tested.link
  if (state.kind !== 'refused') throw new Error(state.kind)
  expect(state.error.code).toBe('REDIS_REFUSED')
  expect((state.error.cause as Error).message).toMatch(reply)
  expect(state.error.hint).toBe('Check user and password of the Redis address.')
  expect(JSON.stringify(tested.lines)).not.toContain('secret')
  expect(warnings(tested)).toEqual([state.error.message])
  const open = ['--requirepass', '', '--user', 'nobody', 'on', 'nopass', '~*', '&*', '+@all']
  await redis.restart(open)
  await linkIs(tested.link, 'connected')
})

test('a database that Redis does not have is refused, and not replaced by the first one', async () => {
  const redis = await startRedis()
  const tested = await startedLink(`${redis.url}/99`, 'refused')
  const { state } = tested.link
  if (state.kind !== 'refused') throw new Error(state.kind)
  expect(state.error).toMatchObject({ code: 'REDIS_REFUSED', hint: expect.stringContaining('number of the database') })
  expect(warnings(tested)).toEqual([state.error.message])
  expect(tested.link.capacity).toBe(0)
})

test('a user who may not run what BullMQ needs is told which command, and let in when that is mended', async () => {
  const redis = await startRedis(['--user', 'worker', 'on', '>secret', '~*', '&*', '+@all', '-@scripting'])
  const tested = await startedLink(`redis://worker:secret@127.0.0.1:${redis.port}`, 'refused')
  expect(warnings(tested)).toHaveLength(1)
  expect(warnings(tested)[0]).toMatch(/refuses: NOPERM .*'eval(sha)?'/)
  await redis.command('acl', 'setuser', 'worker', '+@scripting')
  await linkIs(tested.link, 'connected')
})

test('a user with just the rights that the hint names can do everything', async () => {
  const redis = await startRedis([
    '--user',
    'worker',
    'on',
    '>secret',
    '~mine:*',
    'resetchannels',
    '-@all',
    '+@all',
    '-@admin',
  ])
  const url = `redis://worker:secret@127.0.0.1:${redis.port}`
  const tested = await startedLink(url, 'connected', { prefix: 'mine' })
  const conversion = new FakeConversion()
  const engine = tested.link.engine(conversion)
  await plainWorker(tested, making(conversion))
  await Promise.all(jobRanges(20).map((range) => engine.run(range, running())))
  await engine.close()
  expect(warnings(tested)).toEqual([])
})

test('a full Redis that evicts nothing refuses, and takes the jobs when there is room', async () => {
  const redis = await startRedis(['--maxmemory', '1kb'])
  const tested = await testLink(redis.url)
  const conversion = new FakeConversion()
  const run = tested.link.engine(conversion).run({ tensor: 0, firstSlice: 0, slices: 16 }, running())
  tested.link.start()
  await linkIs(tested.link, 'refused')
  expect(warnings(tested)[0]).toMatch(/refuses: OOM /)
  await redis.command('config', 'set', 'maxmemory', '0')
  await plainWorker(tested, making(conversion))
  await run
})

test('scripts that Redis was made to forget are sent again', async () => {
  const redis = await startRedis()
  const tested = await startedLink(redis.url, 'connected')
  const conversion = new FakeConversion()
  const engine = tested.link.engine(conversion)
  await plainWorker(tested, making(conversion))
  await Promise.all(jobRanges(3).map((range) => engine.run(range, running())))
  await redis.command('flushall')
  await redis.command('script', 'flush')
  const more = jobRanges(6).slice(3)
  await Promise.all(more.map((range) => engine.run(range, running())))
  expect(conversion.delivered.size).toBe(6 * 16)
})

describe('over TLS', () => {
  /** Another port for the same Redis, behind a certificate that only its own maker has signed. */
  async function behindTls({ port }: TestRedis): Promise<{ readonly url: string; readonly caFile: string }> {
    const { key, certificate } = makeCertificate(await temporaryFolder(), ['127.0.0.1'])
    const options = { key: await readFile(key), cert: await readFile(certificate) }
    const server = createServer(options, (socket) => {
      const redis = connect(port, '127.0.0.1')
      socket.pipe(redis).pipe(socket)
      for (const end of [socket, redis]) end.on('error', () => {})
      onTestFinished(() => void socket.destroy())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const address = server.address() as AddressInfo
    return { url: `rediss://127.0.0.1:${address.port}`, caFile: certificate }
  }

  test('with the certificate that is to be trusted, jobs come through', async () => {
    const settings = await behindTls(await startRedis())
    const tested = await startedLink(settings.url, 'connected', { redis: await redisAddress(settings) })
    expect(warnings(tested)).toEqual([])
  })

  test('without it nothing is sent, and what to do is told', async () => {
    const redis = await startRedis()
    const { url } = await behindTls(redis)
    const tested = await startedLink(url, 'refused')
    const advice =
      nodeRelease < 24 ? '' : '; if the root CA is installed locally, try running Node.js with --use-system-ca'
    expect(warnings(tested)).toEqual([
      `the certificate of Redis at ${url}/0 is not to be trusted: self-signed certificate${advice}`,
    ])
    expect(tested.link.capacity).toBe(0)
  })
})

test('the password stands in no message of a server that is away', async () => {
  const port = await freePort()
  const url = `redis://me:very-secret@127.0.0.1:${port}`
  const tested = await startedLink(url, 'away')
  expect(JSON.stringify([tested.lines, tested.link.state])).not.toContain('very-secret')
  expect((await redisAddress({ url })).shown).toBe(`redis://me@127.0.0.1:${port}/0`)
})
