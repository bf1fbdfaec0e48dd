import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import type { Engine, OpenConversion, SliceRange } from '#dist/convert/engine.js'
import type { ConvertOptions } from '#dist/convert/run.js'
import { type Coordinator, startCoordinator } from '#dist/daemon/coordinator/coordinator.js'
import { loadSettings } from '#dist/daemon/settings.js'
import { redisAddress } from '#dist/jobs/engines/bullmq/redis-settings.js'
import { runWorker } from '#dist/worker/worker-process.js'
import { startRedis, type TestRedis } from './redis.ts'
import { temporaryFolder } from './temporary-folder.ts'

type EngineOptions = Pick<ConvertOptions, 'threads'> & Partial<Pick<ConvertOptions, 'elsewhere'>>

export interface EngineUnderTest {
  readonly name: string
  /** Options of a conversion whose slices this engine makes. What it needs is ended after the running test. */
  begin(): Promise<EngineOptions>
  /** The same beside an engine that gives up jobs which it was handed. */
  beginBesideLosses(): Promise<EngineOptions>
}

/** Other machines as they are: Redis, a daemon's coordinator, and a worker that has joined it. */
export interface OtherMachines {
  readonly redis: TestRedis
  readonly coordinator: Coordinator
  readonly elsewhere: (conversion: OpenConversion) => Engine
  /** Has one more worker come. */
  join(): Promise<void>
}

/** A coordinator that no worker has come to yet. */
export async function otherMachines(): Promise<OtherMachines> {
  const redis = await startRedis()
  const folder = await temporaryFolder()
  const tokenFile = join(folder, 'token')
  await writeFile(tokenFile, 'a-token-that-nobody-guesses\n')
  const flags = { redis: redis.url, listen: '127.0.0.1:0', tokenFile, lockTime: 2, threads: 0 }
  const settings = loadSettings(folder, flags, {}).values
  const log = pino({ level: 'silent' })
  const coordinator = await startCoordinator({ stateDirectory: folder, version: 'test', settings, log })
  const stop = new AbortController()
  const workers: Promise<unknown>[] = []
  onTestFinished(async () => {
    stop.abort()
    await Promise.allSettled(workers)
    await coordinator.stop()
  })
  const joinOne = async () => {
    const joined = new Promise<void>((resolve) => {
      workers.push(
        runWorker({
          ...{ tokenFile, threads: 2, maxMemory: 2 ** 30, maps: [], version: 'test', host: 'elsewhere' },
          redis: redisSeen,
          coordinator: { origin: coordinator.view().coordinator, ca: undefined },
          stop: stop.signal,
          onEvent: ({ kind }) => {
            if (kind === 'joined') resolve()
          },
        }),
      )
    })
    await Promise.race([joined, Promise.all(workers)])
  }
  const redisSeen = await redisAddress({ url: redis.url })
  return { redis, coordinator, elsewhere: (conversion) => coordinator.elsewhere(conversion), join: joinOne }
}

async function machinesAtWork(): Promise<OtherMachines> {
  const machines = await otherMachines()
  await machines.join()
  return machines
}

/** Gives up every second job that it is handed, once it has begun; the others are the inner engine's, if there is one. */
class LosingEngine implements Engine {
  readonly name = 'bullmq'
  readonly #inner: Engine | undefined
  #jobs = 0

  constructor(inner?: Engine) {
    this.#inner = inner
  }

  get capacity(): number {
    return this.#inner?.capacity ?? 2
  }

  onCapacity(listener: () => void): () => void {
    return this.#inner?.onCapacity(listener) ?? (() => {})
  }

  async run(job: SliceRange, stop: AbortSignal): Promise<void> {
    const kept = this.#jobs++ % 2 === 1
    if (kept && this.#inner !== undefined) return this.#inner.run(job, stop)
    await new Promise(setImmediate)
    throw new MiberaError('ENGINE_LOST', 'gone')
  }

  async close(): Promise<void> {
    await this.#inner?.close()
  }
}

export const enginesUnderTest: readonly EngineUnderTest[] = [
  {
    name: 'local threads',
    begin: async () => ({ threads: 2 }),
    beginBesideLosses: async () => ({ threads: 2, elsewhere: () => new LosingEngine() }),
  },
  {
    name: 'other machines over BullMQ',
    begin: async () => ({ threads: 0, elsewhere: (await machinesAtWork()).elsewhere }),
    beginBesideLosses: async () => {
      const { elsewhere } = await machinesAtWork()
      return { threads: 0, elsewhere: (conversion) => new LosingEngine(elsewhere(conversion)) }
    },
  },
  {
    name: 'both together',
    begin: async () => ({ threads: 1, elsewhere: (await machinesAtWork()).elsewhere }),
    beginBesideLosses: async () => {
      const { elsewhere } = await machinesAtWork()
      return { threads: 1, elsewhere: (conversion) => new LosingEngine(elsewhere(conversion)) }
    },
  },
]
