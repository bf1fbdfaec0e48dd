import type { MiberaError } from '../base/errors.ts'
import { explainSystemError } from '../base/system-error.ts'
import { ThreadLimit } from '../convert/thread-limit.ts'
import { systemAvailableMemory } from '../daemon/available-memory.ts'
import type { Heartbeat, Welcome } from '../daemon/coordinator/protocol.ts'
import { MemoryGuard } from '../daemon/memory-guard.ts'
import type { RedisAddress } from '../jobs/engines/bullmq/redis-settings.ts'
import { toMiberaError } from '../jobs/reason.ts'
import { defaultMemoryFloor } from '../plan/machine-defaults.ts'
import { compileKernels, kernelsDigest } from '../quant/kernels.ts'
import { CoordinatorClient } from './coordinator-client.ts'
import type { WorkerListener } from './events.ts'
import type { CoordinatorAddress } from './http-link.ts'
import { JobConsumer } from './job-consumer.ts'
import { JobWork } from './job-work.ts'
import { Membership } from './membership.ts'
import { requireRedis } from './require-redis.ts'
import type { PathMap } from './shared-paths.ts'
import { ThreadShare } from './thread-share.ts'
import { TokenReader } from './token-reader.ts'
import { Troubles } from './troubles.ts'
import { Workbench } from './workbench.ts'
import { Workshop } from './workshop.ts'

export interface WorkerOptions {
  readonly redis: RedisAddress
  readonly coordinator: CoordinatorAddress
  readonly tokenFile: string
  readonly threads: number
  /** Bytes that the process may use. */
  readonly maxMemory: number
  readonly maps: readonly PathMap[]
  readonly version: string
  readonly host: string
  /** Aborted: finish the slices in hand, give the jobs back, and return. */
  readonly stop: AbortSignal
  readonly onEvent: WorkerListener
  /** How long (ms) the threads may stand still; several lock times unless said otherwise. */
  readonly longestStandstill?: number
}

/** A worker that was asked to stop ends what it has in hand within so long (ms). */
const longestDrain = 20_000
/** Lock times after which threads that stand still are given up, and the least time (ms). */
const locksOfStandstill = 5
const leastStandstill = 90_000

/**
 * Is a worker, until it is asked to stop.
 * @throws MiberaError why it cannot be one: TOKEN_REFUSED, WORKER_VERSION, COORDINATOR_UNREACHABLE, REDIS_REFUSED, … at
 * the start; WORKER_QUARANTINED, WORKER_VERSION, MEMORY_TOO_SMALL later.
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  await new WorkerProcess(options).run()
}

class WorkerProcess {
  readonly #options: WorkerOptions
  readonly #share = new ThreadShare()
  readonly #troubles: Troubles
  readonly #client: CoordinatorClient
  readonly #threadLimit: ThreadLimit
  readonly #guard: MemoryGuard
  readonly #membership: Membership
  readonly #workshop: Workshop
  readonly #jobs: JobWork
  /** Aborted when nothing further is to be begun, for whatever reason. */
  readonly #end = new AbortController()
  #joined = false
  #failure: MiberaError | undefined
  #welcome: Welcome | undefined
  #consumer: JobConsumer | undefined
  /** Consumers of queues that the coordinator has left. */
  readonly #closing: Promise<void>[] = []
  /** As many as memory allows for the conversion in work. */
  #threads: number

  constructor(options: WorkerOptions) {
    const { coordinator, tokenFile, threads, version, host, onEvent } = options
    this.#options = options
    this.#threads = threads
    this.#troubles = new Troubles(onEvent)
    this.#client = new CoordinatorClient({
      address: coordinator,
      token: new TokenReader(tokenFile),
      worker: () => (this.#joined ? this.#share.worker : undefined),
    })
    this.#threadLimit = new ThreadLimit(threads)
    this.#guard = new MemoryGuard({
      limit: this.#threadLimit,
      mostThreads: threads,
      floor: defaultMemoryFloor(),
      read: systemAvailableMemory,
      onChange: (change) => onEvent({ kind: 'threads', ...change }),
    })
    this.#membership = new Membership({
      client: this.#client,
      share: this.#share,
      self: { version, kernels: kernelsDigest(), host, pid: process.pid, threads },
      beat: () => this.#heartbeat(),
      onJoined: (welcome) => this.#welcomed(welcome),
      onAway: (error) => this.#away(error),
      onThere: () => this.#there(),
      onWaiting: () => onEvent({ kind: 'waiting', topic: 'coordinator', address: coordinator.origin }),
      onExpelled: (error) => this.#fail(error),
    })
    this.#workshop = new Workshop((conversion) => this.#openBench(conversion))
    this.#jobs = new JobWork({
      client: this.#client,
      share: this.#share,
      workshop: this.#workshop,
      stop: this.#end.signal,
      longestStandstill: () => this.#longestStandstill(),
      confirm: () => this.#membership.confirm(),
      onFatal: (error) => this.#fail(error),
      onFailed: (error) => this.#troubles.jobFailed(error, performance.now()),
      onSlice: (tensor) => onEvent({ kind: 'slice', tensor }),
    })
  }

  async run(): Promise<void> {
    const { stop, redis, onEvent } = this.#options
    const end = () => this.#end.abort()
    stop.addEventListener('abort', end)
    try {
      if (stop.aborted) return
      await this.#membership.start(stop)
      await requireRedis(redis, stop, () => onEvent({ kind: 'waiting', topic: 'redis', address: redis.shown }))
      this.#guard.start()
      this.#consume()
      await aborted(this.#end.signal)
    } catch (error) {
      if (!stop.aborted) this.#fail(toMiberaError(explainSystemError(error)))
    } finally {
      stop.removeEventListener('abort', end)
      await this.#close()
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  async #close(): Promise<void> {
    this.#end.abort()
    this.#guard.stop()
    // Slices in hand are delivered even then, unless the coordinator is away for too long.
    const late = setTimeout(() => void this.#workshop.close(), longestDrain)
    await Promise.all([...this.#closing, this.#consumer?.close()])
    clearTimeout(late)
    await this.#workshop.close()
    await this.#membership.stop()
    this.#client.close()
  }

  #fail(error: MiberaError): void {
    this.#failure ??= error
    this.#end.abort()
  }

  #welcomed(welcome: Welcome): void {
    const before = this.#welcome
    this.#joined = true
    this.#welcome = welcome
    const { coordinator, threads, onEvent } = this.#options
    onEvent({ kind: 'joined', coordinator: coordinator.origin, threads })
    const same =
      before?.queue === welcome.queue &&
      before.prefix === welcome.prefix &&
      before.lockMilliseconds === welcome.lockMilliseconds
    if (before !== undefined && !same) this.#consume()
  }

  /** Takes jobs from the queue that the coordinator named last. */
  #consume(): void {
    const { redis, host } = this.#options
    if (this.#welcome === undefined || this.#end.signal.aborted) return
    const former = this.#consumer
    if (former !== undefined) this.#closing.push(former.close())
    this.#consumer = new JobConsumer({
      redis,
      welcome: this.#welcome,
      name: `${host}-${process.pid}`,
      work: (job) => this.#jobs.do(job),
      onTrouble: (error) => this.#troubles.trouble('redis', error),
      onThere: () => this.#troubles.over('redis'),
    })
  }

  /** No further job is taken while what it needs cannot be had. */
  #away(error: MiberaError): void {
    this.#troubles.trouble('coordinator', error)
    this.#consumer?.pause()
  }

  #there(): void {
    this.#troubles.over('coordinator')
    if (!this.#end.signal.aborted) this.#consumer?.resume()
  }

  #openBench(conversion: string): Promise<Workbench> {
    const { coordinator, tokenFile, threads, maxMemory, maps, onEvent } = this.#options
    return Workbench.open(conversion, {
      client: this.#client,
      address: coordinator,
      tokenFile,
      share: this.#share,
      kernels: compileKernels(),
      threads,
      threadLimit: this.#threadLimit,
      maxMemory,
      maps,
      onOpened: (opened) => {
        this.#threads = opened.threads
        onEvent(opened)
      },
    })
  }

  #longestStandstill(): number {
    const lock = this.#welcome?.lockMilliseconds ?? 0
    return this.#options.longestStandstill ?? Math.max(leastStandstill, locksOfStandstill * lock)
  }

  #heartbeat(): Heartbeat {
    const threads = Math.min(this.#threads, this.#threadLimit.threads)
    return { threads, ...this.#jobs.view(), resident: process.memoryUsage.rss() }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
