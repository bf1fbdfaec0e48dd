import { expect, it } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import type { WorkerEvent } from '#dist/worker/events.js'
import { Throughput } from '#dist/worker/throughput.js'
import { Troubles } from '#dist/worker/troubles.js'

const away = new MiberaError('REDIS_UNREACHABLE', 'away')
const refused = new MiberaError('REDIS_REFUSED', 'refused')

it('tells a trouble once until it is over, and again when it becomes another', () => {
  const told: WorkerEvent[] = []
  const troubles = new Troubles((event) => told.push(event))
  for (let time = 0; time < 100; time++) troubles.trouble('redis', away)
  troubles.trouble('redis', refused)
  troubles.over('redis')
  troubles.over('redis')
  troubles.trouble('redis', away)
  expect(told.map(({ kind }) => kind)).toEqual(['trouble', 'trouble', 'trouble-over', 'trouble'])
})

it('tells jobs that fail alike once a minute, with their number', () => {
  const told: WorkerEvent[] = []
  const troubles = new Troubles((event) => told.push(event))
  for (let second = 0; second <= 60; second++) troubles.jobFailed(away, second * 1000)
  troubles.jobFailed(refused, 60_000)
  expect(told).toEqual([
    { kind: 'job-failed', error: away, before: 0 },
    { kind: 'job-failed', error: away, before: 59 },
    { kind: 'job-failed', error: refused, before: 0 },
  ])
})

it('judges speed over the last ten seconds, and falls to nothing when nothing is made', () => {
  const throughput = new Throughput(0)
  for (let second = 1; second <= 20; second++) throughput.add(1000, second * 1000)
  expect(throughput.perSecond(20_000)).toBeCloseTo(1100)
  expect(throughput.perSecond(25_000)).toBeCloseTo(600)
  expect(throughput.perSecond(31_000)).toBe(0)
  expect(new Throughput(0).perSecond(0)).toBe(0)
})
