import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { duplicates } from './duplicates.ts'
import type { LineState } from './junction.ts'
import { isolation } from './network.ts'
import type { Round } from './round.ts'

/** Something that goes wrong in a conversion, and is put right again when its promise settles. */
export interface Disruption {
  readonly name: string
  /** What it has for itself meanwhile. */
  readonly on: 'a worker' | 'redis' | 'daemon' | 'nothing'
  /** @param worker whose turn it is, where it is on a worker. */
  run(round: Round, worker: number): Promise<void>
}

export const disruptions: readonly Disruption[] = [
  onWorker('worker killed, another comes', async (round, worker) => {
    await round.worker(worker).kill()
    await round.startWorker(worker)
  }),
  onWorker('worker stopped until its jobs are lost, and continued', (round, worker) =>
    halted(round, worker, round.cut),
  ),
  onWorker('worker stopped and continued at once', (round, worker) => halted(round, worker, 100)),
  onWorker('worker slow', async (round, worker) => {
    const { coordinator } = round.lines(worker)
    await coordinator.shape({ bytesPerSecond: round.bytesPerSecond / 50, delay: 50 })
    await delay(round.cut)
    await coordinator.shape({ bytesPerSecond: round.bytesPerSecond })
  }),
  onWorker('connections of a worker reset', (round, worker) => lines(round, worker, 'cut')),
  onWorker('lines of a worker silent', (round, worker) => lines(round, worker, 'silent')),
  onWorker('cable of a worker pulled', async (round, worker) => {
    if (isolation !== 'network and mount namespaces') return lines(round, worker, 'silent')
    round.trial.network.plug(worker, 'down')
    await delay(round.cut)
    round.trial.network.plug(worker, 'up')
  }),
  {
    name: 'worker that makes wrong blocks',
    on: 'nothing',
    run: (round) => rogue(round),
  },
  onRedis('Redis killed, back without its data', async ({ trial: { redis }, cut }) => {
    await redis.kill()
    await redis.forget()
    await delay(cut)
    await redis.start()
  }),
  onRedis('Redis killed, back with its data', async ({ trial: { redis }, random }) => {
    await redis.kill()
    await delay(random.integer(1500))
    await redis.start()
  }),
  onRedis('Redis flushed', async ({ trial: { redis } }) => {
    await redis.ask('FLUSHALL')
  }),
  onRedis('Redis evicts', async (round) => {
    const { redis } = round.trial
    const before = await redis.figure('evicted_keys')
    await redis.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random', 'maxmemory', 1)
    await delay(round.cut / 2)
    round.note(`${(await redis.figure('evicted_keys')) - before} keys were evicted`)
    await redis.ask('CONFIG', 'SET', 'maxmemory', 0, 'maxmemory-policy', 'noeviction')
  }),
  onRedis('Redis full', async ({ trial: { redis }, cut }) => {
    await redis.ask('CONFIG', 'SET', 'maxmemory', 1)
    await delay(cut)
    await redis.ask('CONFIG', 'SET', 'maxmemory', 0)
  }),
  onRedis('line from the daemon to Redis silent', async ({ trial: { daemonLine }, cut }) => {
    await daemonLine.turn('silent')
    await delay(cut)
    await daemonLine.turn('open')
  }),
  {
    name: 'daemon killed and started again',
    on: 'daemon',
    run: ({ trial, random }) => trial.restartDaemon(random.integer(1000)),
  },
  {
    name: 'daemon stopped and continued',
    on: 'daemon',
    run: async ({ trial, cut }) => {
      trial.daemon.signal('SIGSTOP')
      await delay(cut / 2)
      trial.daemon.signal('SIGCONT')
    },
  },
  {
    name: 'slices delivered three times',
    on: 'daemon',
    run: async (round) => {
      const outcomes = await duplicates(round.trial, 4)
      round.note(`delivered again and again: ${JSON.stringify(outcomes)}`)
      for (const outcome of outcomes) {
        expect(outcome.filter((taken) => taken === 'accepted').length).toBeLessThanOrEqual(1)
        expect(outcome.at(-1)).toBe('late')
      }
    },
  },
]

function onWorker(name: string, run: Disruption['run']): Disruption {
  return { name, on: 'a worker', run }
}

function onRedis(name: string, run: Disruption['run']): Disruption {
  return { name, on: 'redis', run }
}

async function halted(round: Round, index: number, milliseconds: number): Promise<void> {
  const worker = round.worker(index)
  worker.signal('SIGSTOP')
  await delay(milliseconds)
  worker.signal('SIGCONT')
}

async function lines(round: Round, worker: number, state: LineState): Promise<void> {
  const all = Object.values(round.lines(worker))
  await Promise.all(all.map((line) => line.turn(state)))
  await delay(round.cut)
  await Promise.all(all.map((line) => line.turn('open')))
}

/** It is found out, and put out for good; unless the conversion is over before it got so far. */
async function rogue(round: Round): Promise<void> {
  const { trial, random } = round
  const after = random.integer(3)
  const worker = await trial.startWorker(trial.options.workers - 1, {
    preload: ['rogue-preload.mjs'],
    env: { ROGUE_AFTER: String(after) },
    join: false,
  })
  const end = await Promise.race([worker.end, round.over.then(() => 'over' as const)])
  round.note(`the rogue, honest for ${after} slices: ${end === 'over' ? 'not found out in time' : `ended with ${end}`}`)
  if (end !== 'over') expect(worker.output).toMatch(/wrong results/)
  await worker.kill()
}
