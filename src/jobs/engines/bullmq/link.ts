import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { MiberaError } from '../../../base/errors.ts'
import type { Engine, OpenConversion } from '../../../convert/engine.ts'
import { type Board, BullmqEngine } from './engine.ts'
import { explainRedisError } from './explain-redis-error.ts'
import { JobQueue } from './job-queue.ts'
import { QueueKeeper } from './queue-keeper.ts'
import { commandClient, enterDatabase } from './redis-client.ts'
import type { RedisAddress } from './redis-settings.ts'
import { requireLoaded, warnOfEviction } from './server-info.ts'

/** How often what Redis holds is compared with what is wanted. */
const lookMilliseconds = 2000
/** What is left in Redis longer than this when a conversion ends is removed at the next start. */
const leaveMilliseconds = 600

export interface LinkLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface LinkOptions {
  readonly redis: RedisAddress
  /** Of all keys. */
  readonly prefix: string
  /** Of the queues: another for each coordinator that uses this Redis. Letters, digits, hyphens. */
  readonly id: string
  /** Jobs that may stand in the queue at this moment, for each conversion; 0 while no worker is known. */
  readonly lookAhead: () => number
  readonly log: LinkLog
}

/** Redis being away is a state, not a failure: work goes on without it, and with it again when it is back. */
export type LinkState =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected' }
  /** REDIS_UNREACHABLE: it is tried again and again. */
  | { readonly kind: 'away'; readonly error: MiberaError }
  /** REDIS_REFUSED: the same, but somebody has to do something. */
  | { readonly kind: 'refused'; readonly error: MiberaError }

/**
 * The coordinator's side of BullMQ. Nothing of what is done stands in Redis alone: whatever is missing there is added
 * again from what the conversions still want, and whatever they do not want is removed.
 */
export class BullmqLink implements Board {
  readonly #options: LinkOptions
  readonly #engines = new Set<BullmqEngine>()
  readonly #listeners = new Set<() => void>()
  #state: LinkState = { kind: 'stopped' }
  #redis: Redis | undefined
  #queue: JobQueue | undefined
  #keeper: QueueKeeper | undefined
  #timer: NodeJS.Timeout | undefined
  /** What is sent to Redis, one thing after the other. */
  #turn: Promise<unknown> = Promise.resolve()
  #waiting = false
  /** What Redis holds is unknown. */
  #fresh = true
  #lookDue = false
  /** Conversions that ended are not known to have left nothing in Redis. */
  #leftovers = false
  #warned = false

  constructor(options: LinkOptions) {
    this.#options = options
  }

  get state(): LinkState {
    return this.#state
  }

  /** For Bull Board; none before the start. */
  get queues(): readonly Queue[] {
    return this.#queue?.queues ?? []
  }

  get capacity(): number {
    return this.#state.kind === 'connected' ? this.#options.lookAhead() : 0
  }

  /** Returns at once: the connection is made meanwhile. */
  start(): void {
    if (this.#redis !== undefined) return
    const { redis: address, prefix, id } = this.#options
    this.#become({ kind: 'connecting' })
    const redis = commandClient(address, (error) => this.#failed(error))
    this.#redis = redis
    this.#queue = new JobQueue(redis, prefix, id)
    this.#keeper = new QueueKeeper(this.#queue, this.#engines)
    redis.on('ready', () => {
      this.#fresh = true
      this.changed()
    })
    redis.on('close', () => {
      if (this.#state.kind === 'connected') this.#failed(new Error('the connection was closed'))
    })
    this.#timer = setInterval(() => {
      this.#lookDue = true
      this.changed()
    }, lookMilliseconds)
  }

  /** Resolves when the first connection was made, or could not be; when `patience` is aborted at the latest. */
  firstAnswer(patience: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#state.kind === 'connecting' && !patience.aborted) return
        unfollow()
        patience.removeEventListener('abort', look)
        resolve()
      }
      const unfollow = this.onCapacity(look)
      patience.addEventListener('abort', look)
      look()
    })
  }

  /** Ends within a second; what is still in hand is lost to its engines. Safe to call twice, and before the start. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all([...this.#engines].map((engine) => engine.close()))
    this.#become({ kind: 'stopped' })
    this.#redis?.disconnect()
    await this.#queue?.close()
    this.#redis = this.#queue = this.#keeper = undefined
  }

  engine(conversion: OpenConversion): Engine {
    const engine = new BullmqEngine(conversion, this)
    this.#engines.add(engine)
    return engine
  }

  /** What `lookAhead` says has changed. */
  lookAheadChanged(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  onCapacity(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Soon brings Redis in line with what is wanted. */
  changed(): void {
    if (this.#waiting || this.#redis?.status !== 'ready') return
    this.#waiting = true
    this.#inTurn(async () => {
      this.#waiting = false
      await this.#update()
    }).catch((error: unknown) => this.#failed(error))
  }

  /** Best effort: what stays is removed at a later look, or at the next start. */
  async leave(engine: BullmqEngine): Promise<void> {
    this.#engines.delete(engine)
    this.#leftovers = true
    if (this.#state.kind !== 'connected') return
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, leaveMilliseconds)
    })
    const removed = this.#inTurn(async () => this.#keeper?.remove(engine.conversion)).catch(() => {})
    await Promise.race([removed, patience])
    clearTimeout(timer)
  }

  async #update(): Promise<void> {
    const [redis, keeper] = [this.#redis, this.#keeper]
    if (keeper === undefined || redis?.status !== 'ready') return
    if (this.#fresh) await this.#greet(redis)
    if (this.#fresh || (this.#lookDue && (this.#engines.size > 0 || this.#leftovers))) {
      this.#leftovers = false
      await keeper.look()
    }
    this.#fresh = this.#lookDue = false
    await keeper.place()
    this.#become({ kind: 'connected' })
  }

  async #greet(redis: Redis): Promise<void> {
    await enterDatabase(redis, this.#options.redis)
    const info = await redis.info().catch((error: Error) => {
      // Whoever may not ask is told by the first command that matters, if at all.
      if (error.message.startsWith('NOPERM')) return ''
      throw error
    })
    requireLoaded(info)
    if (!this.#warned) this.#warned = warnOfEviction(info, this.#options.redis, this.#options.log)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }

  #failed(cause: unknown): void {
    if (this.#state.kind === 'stopped') return
    // ioredis believes that this connection has sent its scripts; a new one sends them again.
    if (cause instanceof Error && cause.message.startsWith('NOSCRIPT')) {
      this.#redis?.disconnect(true)
      return
    }
    const error = explainRedisError(cause, this.#options.redis)
    // A command that was under way says nothing new of a connection that is known to be gone.
    if (error.code === 'REDIS_UNREACHABLE' && this.#state.kind === 'away') return
    this.#become({ kind: error.code === 'REDIS_REFUSED' ? 'refused' : 'away', error })
  }

  #become(state: LinkState): void {
    const before = this.#state
    this.#state = state
    if (before.kind === state.kind && !('error' in state && 'error' in before)) return
    if ('error' in state) {
      if ('error' in before && before.error.message === state.error.message) return
      const { code, message, hint } = state.error
      this.#options.log.warn({ code, hint }, message)
    } else if (state.kind === 'connected') {
      this.#options.log.info({ redis: this.#options.redis.shown }, 'Redis is there')
    }
    this.lookAheadChanged()
  }
}
