import { setTimeout as delay } from 'node:timers/promises'
import { type Job, WaitingError, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import * as z from 'zod'
import type { MiberaError } from '../base/errors.ts'
import type { Welcome } from '../daemon/coordinator/protocol.ts'
import { explainRedisError } from '../jobs/engines/bullmq/explain-redis-error.ts'
import { isQueueJob, type QueueJob } from '../jobs/engines/bullmq/queue-job.ts'
import { workerClient } from '../jobs/engines/bullmq/redis-client.ts'
import type { RedisAddress } from '../jobs/engines/bullmq/redis-settings.ts'

export interface ConsumerOptions {
  readonly redis: RedisAddress
  readonly welcome: Pick<Welcome, 'queue' | 'prefix' | 'lockMilliseconds'>
  /** For those who look into Redis. */
  readonly name: string
  /**
   * Does a job: returns when it is over, or when it is to be given back.
   * @throws why it is to be done again, after a pause.
   */
  readonly work: (job: QueueJob) => Promise<'over' | 'give back'>
  /** Redis is away or refuses: told again and again. */
  readonly onTrouble: (error: MiberaError) => void
  /** Redis answers. */
  readonly onThere: () => void
}

/** What is read from Redis becomes part of addresses: it is taken only as it was agreed. */
const queueJobSchema = z.object({
  conversion: z.string().regex(/^[\w-]{1,200}$/),
  tensor: z.number().int().min(0),
  firstSlice: z.number().int().min(0),
  slices: z.number().int().min(1).max(65_536),
})

/** While one job ends, the next has begun: the threads are never without work between two. */
const jobsAtOnce = 2
/** A job goes to somebody else however often a worker died over it: the coordinator counts what becomes of it. */
const stallsForgiven = 1_000_000
const soonestStallCheck = 1000
const retryMilliseconds = 1000
/** Redis is told of the end of jobs and of this worker's leave for so long; locks run out by themselves. */
const closingMilliseconds = 2000

/** Takes jobs out of the queue. BullMQ renews the lock of each while it is in work. */
export class JobConsumer {
  readonly #options: ConsumerOptions
  readonly #redis: Redis
  readonly #worker: QueueWorker
  readonly #inWork = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor(options: ConsumerOptions) {
    const { redis: address, welcome, name, onTrouble, onThere } = options
    this.#options = options
    this.#redis = workerClient(address, (error) => onTrouble(explainRedisError(error, address)))
    this.#redis.on('ready', onThere)
    this.#worker = new QueueWorker(welcome.queue, (job, token) => this.#process(job, token), {
      connection: this.#redis,
      prefix: welcome.prefix,
      name,
      concurrency: jobsAtOnce,
      lockDuration: welcome.lockMilliseconds,
      stalledInterval: Math.max(soonestStallCheck, Math.floor(welcome.lockMilliseconds / 2)),
      maxStalledCount: stallsForgiven,
      runRetryDelay: retryMilliseconds,
      skipVersionCheck: true,
    })
    this.#worker.on('error', (error) => {
      // A lock that ran out is no trouble: the job was done again or is, and what was delivered counts. Connections are
      // told of by the client.
      if (error.name === 'ReplyError') onTrouble(explainRedisError(error, address))
    })
    this.#worker.on('active', onThere)
  }

  /** Takes no further job until {@link resume}; those in work go on. */
  pause(): void {
    void this.#worker.pause(true).catch(() => {})
  }

  resume(): void {
    if (this.#worker.isPaused()) void this.#worker.resume().catch(() => {})
  }

  /** Takes no further job, waits for those in work, and lets go of Redis. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.pause()
    await Promise.allSettled(this.#inWork)
    // BullMQ's own end waits for Redis, which may be away; by force, the end of the last jobs is not told.
    const away = this.#redis.status !== 'ready'
    const late = new AbortController()
    const patience = delay(closingMilliseconds, undefined, { signal: late.signal }).catch(() => {})
    await Promise.race([this.#worker.close(away).catch(() => {}), patience])
    late.abort()
    await this.#worker.endLocks()
    this.#redis.disconnect()
  }

  async #process(job: Job<QueueJob, void>, token: string | undefined): Promise<void> {
    // Its record was evicted: the coordinator adds it again.
    if (!isQueueJob(job.data)) return
    const known = queueJobSchema.safeParse(job.data)
    // Nobody's who keeps to what was agreed: it is not looked at, and gone.
    if (!known.success) return
    const end = await this.#track(this.#options.work(known.data))
    if (end === 'over') return
    // An attempt that was cut short by the end of this process does not count.
    await job.moveToWait(token)
    throw new WaitingError()
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#inWork.add(work)
    const done = () => void this.#inWork.delete(work)
    work.then(done, done)
    return work
  }
}

class QueueWorker extends Worker<QueueJob, void> {
  /** Renews no lock any more, also where {@link close} waits for a Redis that does not answer: its timer would go on. */
  async endLocks(): Promise<void> {
    await this.lockManager.close()
  }
}
