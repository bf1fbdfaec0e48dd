import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { queueNames } from '#dist/jobs/engines/bullmq/queue-names.js'
import { typescriptChild } from './typescript-child.ts'

/** How finished slices get from a worker to the coordinator. */
export type Delivery =
  /** A message between processes for each job, in place of everything but Redis: what the queue alone costs. */
  | 'messages'
  /** The coordinator's own listener: for each job one question and one upload. */
  | 'http'

export interface HandOut {
  /** Of a Redis that is used for nothing else. */
  readonly redis: string
  readonly jobs: number
  /** Processes. */
  readonly workers: number
  /** That each of them says it has: the coordinator looks ahead accordingly. */
  readonly threads: number
  readonly delivery: Delivery
}

/** What the coordinator measures of itself; written to its stdout at the end. */
export interface CoordinatorFigures {
  readonly seconds: number
  readonly slices: number
  /** Jobs at most that stand in Redis or are in work, as the engine allows them. */
  readonly lookAhead: number
  /** Slices that nobody else made, and were given to the threads of the coordinator. */
  readonly madeHere: number
  /** Of the processor's time, on all threads of the coordinator. */
  readonly processorSeconds: number
  /** Of its memory (RSS), medians: of the second and of the last tenth of the run. */
  readonly residentEarly: number
  readonly residentLate: number
  /** Of what is alive in JavaScript after a garbage collection, after the second and the last tenth of the jobs. */
  readonly heapEarly: number
  readonly heapLate: number
}

export interface RedisFigures {
  /** Jobs in any state, at most; and keys. */
  readonly greatestDepth: number
  readonly greatestKeys: number
  /** Bytes by INFO memory: before the first job, and at most. */
  readonly memoryBefore: number
  readonly greatestMemory: number
  /** Keys after the conversion was closed. */
  readonly keysLeft: number
  readonly samples: number
}

/** Jobs that a worker has in hand at a time. */
export const jobsInHand = 2

export const handOutNames = { prefix: 'hand-out', id: 'bench' } as const

/** Between two looks into Redis (ms). */
const lookEvery = 50

/** Runs a process of TypeScript with the given words. */
export function childLine(script: string, words: readonly string[]): string[] {
  return ['--expose-gc', ...typescriptChild(new URL(script, import.meta.url), ...words)]
}

/**
 * Hands out a plan of many jobs to worker processes that make nothing, by the real dispatcher, the real engine and the
 * real Redis, in a coordinator process of its own, and looks into Redis meanwhile.
 */
export async function handOut(options: HandOut): Promise<CoordinatorFigures & RedisFigures> {
  const redis = new Redis(options.redis)
  const queue = new Queue(queueNames(handOutNames.id).tensors, {
    connection: redis,
    prefix: handOutNames.prefix,
    skipVersionCheck: true,
  })
  const watch = new RedisWatch(redis, queue)
  try {
    const memoryBefore = await watch.memory()
    const watching = watch.run()
    const figures = await coordinate(options).finally(() => watch.end())
    await watching
    return { ...figures, ...watch.greatest, memoryBefore, keysLeft: await redis.dbsize() }
  } finally {
    await queue.close()
    redis.disconnect()
  }
}

async function coordinate(options: HandOut): Promise<CoordinatorFigures> {
  const child = spawn(process.execPath, childLine('./hand-out-coordinator.ts', [JSON.stringify(options)]), {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  createInterface(child.stdout).on('line', (line) => lines.push(line))
  // If this process ends first, it does not go on alone.
  const end = () => child.kill()
  process.once('exit', end)
  const [status] = await once(child, 'close')
  process.removeListener('exit', end)
  if (status !== 0) throw new Error(`the coordinator ended with ${status}`)
  return JSON.parse(lines.at(-1) ?? 'null') as CoordinatorFigures
}

class RedisWatch {
  readonly #redis: Redis
  readonly #queue: Queue
  readonly greatest = { greatestDepth: 0, greatestKeys: 0, greatestMemory: 0, samples: 0 }
  #ended = false

  constructor(redis: Redis, queue: Queue) {
    this.#redis = redis
    this.#queue = queue
  }

  end(): void {
    this.#ended = true
  }

  async run(): Promise<void> {
    while (!this.#ended) {
      const depth = Object.values(await this.#queue.getJobCounts()).reduce((sum, count) => sum + count, 0)
      this.greatest.greatestDepth = Math.max(this.greatest.greatestDepth, depth)
      this.greatest.greatestKeys = Math.max(this.greatest.greatestKeys, await this.#redis.dbsize())
      this.greatest.greatestMemory = Math.max(this.greatest.greatestMemory, await this.memory())
      this.greatest.samples++
      await new Promise((resolve) => setTimeout(resolve, lookEvery))
    }
  }

  async memory(): Promise<number> {
    return Number(/^used_memory:(\d+)/m.exec(await this.#redis.info('memory'))?.[1])
  }
}
