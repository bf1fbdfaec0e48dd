import { expect, test } from 'vitest'
import { linkIs, plainWorker, testLink } from '../../../helpers/bullmq-link.ts'
import { FakeConversion } from '../../../helpers/fake-conversion.ts'
import { someRedis } from '../../../helpers/redis.ts'

const running = () => new AbortController().signal

test('a job is handed to a worker, and over when its slices are delivered', async () => {
  const { url, prefix } = await someRedis()
  const over = await testLink(url, { prefix })
  over.link.start()
  const conversion = new FakeConversion()
  const engine = over.link.engine(conversion)
  expect(engine.capacity).toBe(0)
  await linkIs(over.link, 'connected')
  expect(engine.capacity).toBe(100)
  const seen: unknown[] = []
  await plainWorker(over, async (job) => {
    seen.push(job)
    for (const slice of conversion.wanted(job)) conversion.deliver({ tensor: job.tensor, slice })
  })
  await engine.run({ tensor: 3, firstSlice: 16, slices: 16 }, running())
  expect(seen).toEqual([{ conversion: conversion.key, tensor: 3, firstSlice: 16, slices: 16 }])
  expect(conversion.delivered.size).toBe(16)
  await engine.close()
})
