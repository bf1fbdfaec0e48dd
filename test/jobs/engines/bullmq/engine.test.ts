import { UnrecoverableError } from 'bullmq'
import { expect, test } from 'vitest'
import type { SliceRange } from '#dist/convert/engine.js'
import { JobQueue } from '#dist/jobs/engines/bullmq/job-queue.js'
import { commandClient } from '#dist/jobs/engines/bullmq/redis-client.js'
import { redisAddress } from '#dist/jobs/engines/bullmq/redis-settings.js'
import { linkIs, plainWorker, startedLink, type TestLink, testLink } from '../../../helpers/bullmq-link.ts'
import { FakeConversion, jobRange, jobRanges, making } from '../../../helpers/fake-conversion.ts'
import { redisCommand, someRedis, startRedis } from '../../../helpers/redis.ts'
import { refusal } from '../../../helpers/refusal.ts'

const running = () => new AbortController().signal

async function connected(changes: Parameters<typeof testLink>[1] = {}): Promise<TestLink> {
  const { url, prefix } = await someRedis()
  return startedLink(url, 'connected', { prefix, ...changes })
}

/** All keys of a test, but for the three fixed ones of each queue. */
async function keysOf({ url, prefix }: TestLink): Promise<string[]> {
  const keys = (await redisCommand(url, 'keys', `${prefix}:*`)) as string[]
  return keys.filter((key) => !/:(meta|id|events|marker|stalled-check)$/.test(key)).sort()
}

/** Looks again and again, as nothing tells when it is so. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}

test('a job is handed to a worker, and over when its slices are delivered', async () => {
  const tested = await connected()
  const conversion = new FakeConversion()
  const engine = tested.link.engine(conversion)
  const seen: unknown[] = []
  await plainWorker(tested, async (range) => {
    seen.push(range)
    await making(conversion)(range)
  })
  await engine.run({ tensor: 3, firstSlice: 16, slices: 16 }, running())
  expect(seen).toEqual([{ conversion: conversion.key, tensor: 3, firstSlice: 16, slices: 16 }])
  expect(conversion.delivered.size).toBe(16)
})

test('a job holds no bytes of tensors: about a hundred', async () => {
  const tested = await connected()
  const conversion = new FakeConversion(`12-${'a'.repeat(32)}`)
  const stop = new AbortController()
  const run = tested.link.engine(conversion).run({ tensor: 242, firstSlice: 1600, slices: 16 }, stop.signal)
  const key = `${tested.prefix}:tensors-test:${conversion.key}-242-1600`
  await until(async () => (await redisCommand(tested.url, 'exists', key)) === 1)
  const data = (await redisCommand(tested.url, 'hget', key, 'data')) as string
  expect(JSON.parse(data)).toEqual({ conversion: conversion.key, tensor: 242, firstSlice: 1600, slices: 16 })
  expect(data.length).toBeLessThan(120)
  stop.abort()
  await run
})

test('what is delivered while no worker takes the job ends it all the same', async () => {
  const { link } = await connected()
  const conversion = new FakeConversion()
  const run = link.engine(conversion).run(jobRange(0), running())
  for (const id of conversion.wanted(jobRange(0))) conversion.deliver(id)
  await run
})

test('what a conversion fails with, its jobs fail with', async () => {
  const { link } = await connected()
  const conversion = new FakeConversion()
  const run = link.engine(conversion).run(jobRange(0), running())
  conversion.fail(new RangeError('the disk is full'))
  await expect(run).rejects.toThrow('the disk is full')
})

test('stopped: nothing is waited for, and nothing further begun', async () => {
  const { link } = await connected()
  const engine = link.engine(new FakeConversion())
  const stop = new AbortController()
  const runs = jobRanges(50).map((range) => engine.run(range, stop.signal))
  stop.abort()
  await Promise.all(runs)
  await engine.run(jobRange(60), stop.signal)
})

test('closed: what is in hand is lost to it, and nothing of the conversion stays in Redis', async () => {
  const tested = await connected()
  const { link } = tested
  const conversion = new FakeConversion()
  const engine = link.engine(conversion)
  const runs = jobRanges(1200).map((range) => refusal(engine.run(range, running())))
  const other = new FakeConversion('2-fedcba9876543210')
  const stop = new AbortController()
  const run = link.engine(other).run(jobRange(0), stop.signal)
  const count = async () => (await keysOf(tested)).filter((key) => key.includes(conversion.key)).length
  // The jobs, their flow with its set of children, and its last child.
  await until(async () => (await count()) === 1200 + 3)
  await engine.close()
  for (const error of await Promise.all(runs)) expect(error.code).toBe('ENGINE_LOST')
  expect(engine.capacity).toBe(0)
  expect(await count()).toBe(0)
  expect((await keysOf(tested)).filter((key) => key.includes(other.key)).length).toBe(1 + 3)
  expect((await refusal(engine.run(jobRange(0), running()))).code).toBe('ENGINE_LOST')
  stop.abort()
  await run
})

test('a job in the hands of a worker when its conversion ends leaves nothing behind either', async () => {
  const tested = await connected()
  const conversion = new FakeConversion()
  const engine = tested.link.engine(conversion)
  let begun = () => {}
  const inHand = new Promise<void>((resolve) => {
    begun = resolve
  })
  let release = () => {}
  const worker = await plainWorker(tested, async () => {
    begun()
    await new Promise<void>((resolve) => {
      release = resolve
    })
  })
  const run = refusal(engine.run(jobRange(0), running()))
  await inHand
  await engine.close()
  await run
  const completed = new Promise((resolve) => worker.once('completed', resolve))
  release()
  await completed
  expect((await keysOf(tested)).filter((key) => key.includes(conversion.key))).toEqual([])
})

test('a job that fails again and again is made by the coordinator: first a slice, then all', {
  timeout: 60_000,
}, async () => {
  const tested = await connected()
  const conversion = new FakeConversion()
  const keptHere: number[] = []
  await plainWorker(tested, async () => {
    keptHere.push(conversion.keptHere.size)
    throw new UnrecoverableError('this machine cannot')
  })
  const engine = tested.link.engine(conversion)
  conversion.deliver({ tensor: 0, slice: 5 })
  await engine.run(jobRange(0), running())
  expect(keptHere).toEqual([0, 1, 2])
  expect(conversion.keptHere.size).toBe(15)
  await engine.close()
  expect((await keysOf(tested)).filter((key) => key.includes(conversion.key))).toEqual([])
})

test('a job that a worker ends without having done it is handed out again', async () => {
  const tested = await connected()
  const conversion = new FakeConversion()
  let times = 0
  await plainWorker(tested, async (range) => {
    if (++times === 3) await making(conversion)(range)
  })
  await tested.link.engine(conversion).run(jobRange(0), running())
  expect(times).toBe(3)
  expect(conversion.delivered.size).toBe(16)
})

test('a job that is handed out again while a worker ends the same one is not lost', async () => {
  const tested = await connected()
  const conversion = new FakeConversion()
  const engine = tested.link.engine(conversion)
  const stop = new AbortController()
  let begun = () => {}
  const inHand = new Promise<void>((resolve) => {
    begun = resolve
  })
  let release = () => {}
  let times = 0
  await plainWorker(tested, async (range) => {
    if (++times > 1) return making(conversion)(range)
    begun()
    await new Promise<void>((resolve) => {
      release = resolve
    })
  })
  const first = engine.run(jobRange(0), stop.signal)
  await inHand
  stop.abort()
  await first
  const second = engine.run(jobRange(0), running())
  release()
  await second
  expect(times).toBe(2)
})

test('what a killed coordinator left behind is removed when the next one starts', async () => {
  const { url, prefix } = await someRedis()
  const redis = commandClient(await redisAddress({ url }), () => {})
  const queue = new JobQueue(redis, prefix, 'test')
  await queue.add(
    '1-dead',
    jobRanges(100).map((range) => ({ conversion: '1-dead', ...range })),
  )
  const tested = await testLink(url, { prefix })
  expect((await keysOf(tested)).filter((key) => key.includes('1-dead')).length).toBe(100 + 3)
  tested.link.start()
  await linkIs(tested.link, 'connected')
  expect(await keysOf(tested)).toEqual([])
  await queue.close()
  redis.disconnect()
})

test('the same jobs that a killed coordinator left are not added twice', async () => {
  const { url, prefix } = await someRedis()
  const redis = commandClient(await redisAddress({ url }), () => {})
  const queue = new JobQueue(redis, prefix, 'test')
  const left = jobRanges(10).map((range) => ({ conversion: '1-again', ...range }))
  await queue.add('1-again', left)
  await queue.add('1-again', left)
  expect((await queue.standing()).alive.size).toBe(10)
  const keys = (await redisCommand(url, 'llen', `${prefix}:tensors-test:wait`)) as number
  expect(keys).toBe(10)
  await queue.close()
  redis.disconnect()
})

test('thousands of jobs pass through Redis, and what it keeps of them stays small', async () => {
  const lookAhead = 200
  const tested = await connected({ lookAhead: () => lookAhead })
  const conversion = new FakeConversion()
  const engine = tested.link.engine(conversion)
  await plainWorker(tested, making(conversion), { concurrency: 32 })
  const todo = Array.from({ length: 6000 }, (_, slice) => ({ tensor: 0, firstSlice: slice, slices: 1 }))
  let inHand = 0
  let mostJobs = 0
  let mostDone = 0
  const children = `${tested.prefix}:conversions-test:${conversion.key}:processed`
  await new Promise<void>((resolve, reject) => {
    const supply = () => {
      while (inHand < engine.capacity && todo.length > 0) {
        inHand++
        engine.run(todo.shift() as SliceRange, running()).then(() => {
          inHand--
          supply()
        }, reject)
      }
      if (inHand === 0) resolve()
    }
    supply()
    void until(async () => {
      mostJobs = Math.max(
        mostJobs,
        Number(await redisCommand(tested.url, 'llen', `${tested.prefix}:tensors-test:wait`)),
      )
      mostDone = Math.max(mostDone, Number(await redisCommand(tested.url, 'hlen', children)))
      return inHand === 0
    })
  })
  expect(conversion.delivered.size).toBe(6000)
  expect(mostJobs).toBeGreaterThan(0)
  expect(mostJobs).toBeLessThanOrEqual(lookAhead)
  expect(mostDone).toBeLessThanOrEqual(1000 + lookAhead)
  await engine.close()
  expect((await keysOf(tested)).length).toBe(0)
})

test.each(['wait', 'active', 'meta', 'marker', 'id'])(
  'the list "%s" of BullMQ was evicted: the jobs are added again',
  async (list) => {
    const tested = await connected()
    const conversion = new FakeConversion()
    const engine = tested.link.engine(conversion)
    const runs = jobRanges(20).map((range) => engine.run(range, running()))
    const queue = `${tested.prefix}:tensors-test`
    await until(async () => (await redisCommand(tested.url, 'llen', `${queue}:wait`)) === 20)
    await redisCommand(tested.url, 'del', `${queue}:${list}`)
    await plainWorker(tested, making(conversion))
    await Promise.all(runs)
    expect(conversion.delivered.size).toBe(20 * 16)
    expect(conversion.keptHere.size).toBe(0)
  },
)

test('jobs that were evicted are added again, and the policy is warned of once', { timeout: 60_000 }, async () => {
  const redis = await startRedis(['--maxmemory', '4mb', '--maxmemory-policy', 'allkeys-lru'])
  const tested = await startedLink(redis.url, 'connected')
  const conversion = new FakeConversion()
  const engine = tested.link.engine(conversion)
  const runs = jobRanges(300).map((range) => engine.run(range, running()))
  await until(async () => (await keysOf(tested)).length >= 300)
  for (let junk = 0; (await keysOf(tested)).length > 100; junk++) {
    await redis.command('set', `junk-${junk}`, 'x'.repeat(100_000))
  }
  await redis.command('eval', "for i = 0, 999 do redis.call('del', 'junk-' .. i) end", 0)
  await plainWorker(tested, making(conversion), { concurrency: 8 })
  await Promise.all(runs)
  expect(conversion.delivered.size).toBe(300 * 16)
  expect(conversion.keptHere.size).toBe(0)
  expect(tested.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([
    `Redis at ${redis.url}/0 evicts keys when its memory is full (maxmemory-policy allkeys-lru)`,
  ])
})
