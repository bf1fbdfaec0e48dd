import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { MiberaError } from '../../base/errors.ts'
import type { Engine, OpenConversion } from '../../convert/engine.ts'
import { BullmqLink } from '../../jobs/engines/bullmq/link.ts'
import { queueNames } from '../../jobs/engines/bullmq/queue-names.ts'
import { type RedisAddress, redisAddress } from '../../jobs/engines/bullmq/redis-settings.ts'
import type { Log } from '../log.ts'
import type { ScaleOutView, WorkerView } from '../protocol.ts'
import type { Settings } from '../settings.ts'
import { AdmittedEngine } from './admitted-engine.ts'
import { addBoard } from './board.ts'
import { ActiveConversions } from './conversions/active-conversions.ts'
import { type ListenAddress, parseListenAddress } from './listener/listen-address.ts'
import { CoordinatorListener } from './listener/listener.ts'
import { readTlsFiles, type TlsFiles } from './listener/tls-files.ts'
import { lookAhead } from './look-ahead.ts'
import { TokenFile } from './trust/token-file.ts'
import { WorkerRegistry } from './trust/worker-registry.ts'

export interface CoordinatorOptions {
  readonly stateDirectory: string
  readonly version: string
  readonly settings: Settings
  readonly log: Log
}

/** Workers tell how it goes so often (ms); more often where a lock is short. */
const usualHeartbeat = 2000
const heartbeatsPerLock = 4
/** Whoever starts a daemon waits so long (ms) for Redis to answer, to be told when it does not. */
const firstPatience = 1500

/** What {@link startCoordinator} has read before anything is begun. */
interface Prepared {
  readonly redis: RedisAddress
  readonly listen: ListenAddress
  readonly tls: TlsFiles | undefined
  readonly token: TokenFile
}

/**
 * Leads workers on other machines: hands out jobs over Redis, and takes results over HTTP. Whichever is in trouble, the
 * conversions go on as far as they can.
 */
export class Coordinator {
  readonly #log: Log
  readonly #redis: RedisAddress
  readonly #sharedResults: boolean
  readonly #conversions = new ActiveConversions()
  readonly #workers: WorkerRegistry
  readonly #link: BullmqLink
  readonly #listener: CoordinatorListener
  #url = ''
  #stopped: Promise<void> | undefined

  constructor({ stateDirectory, version, settings, log }: CoordinatorOptions, prepared: Prepared) {
    const { lockTime, redisPrefix: prefix, sharedResults, bullBoard } = settings
    const { redis, listen, tls, token } = prepared
    const id = coordinatorId(stateDirectory)
    const lockMilliseconds = lockTime * 1000
    const heartbeatMilliseconds = Math.min(usualHeartbeat, lockMilliseconds / heartbeatsPerLock)
    this.#log = log
    this.#redis = redis
    this.#sharedResults = sharedResults
    this.#workers = new WorkerRegistry({ heartbeatMilliseconds, log })
    this.#link = new BullmqLink({ redis, prefix, id, lookAhead: () => lookAhead(this.#workers.threads), log })
    this.#workers.onChange(() => this.#link.lookAheadChanged())
    this.#listener = new CoordinatorListener({
      ...{ listen, token, version, log, workers: this.#workers, conversions: this.#conversions },
      ...(tls === undefined ? {} : { tls }),
      welcome: { queue: queueNames(id).tensors, prefix, lockMilliseconds },
      ...(bullBoard ? { board: (app) => addBoard(app, () => this.#link.queues) } : {}),
    })
  }

  /**
   * Listens when this returns; Redis is connected to meanwhile, and may be away.
   * @throws MiberaError IO
   */
  async start(): Promise<void> {
    this.#link.start()
    const { url } = await this.#listener.start()
    this.#url = url
    this.#log.info({ coordinator: url, redis: this.#redis.shown }, `workers may come to ${url}`)
  }

  /**
   * Why workers get no jobs, if that is so a moment after the start.
   * @param stop aborted: nobody wants to know any more.
   */
  async trouble(stop: AbortSignal): Promise<MiberaError | undefined> {
    await this.#link.firstAnswer(AbortSignal.any([stop, AbortSignal.timeout(firstPatience)]))
    const { state } = this.#link
    const meanwhile = 'The daemon goes on, and tries again by itself; workers get no jobs until then.'
    if (state.kind === 'refused') {
      const { code, message, subject, hint = '' } = state.error
      return new MiberaError(code, message, { subject, hint: `${hint} ${meanwhile}`.trim() })
    }
    if (state.kind !== 'away' && state.kind !== 'connecting') return undefined
    const { shown } = this.#redis
    const message = state.kind === 'away' ? state.error.message : `Redis at ${shown} has not answered yet`
    const hint = `Start Redis there, or the daemon with another --redis. ${meanwhile}`
    return new MiberaError('REDIS_UNREACHABLE', message, { subject: shown, hint })
  }

  /** Lets go of all workers. Their conversions should have ended. Safe to call twice, and before start. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /** Lets workers take part in a conversion, until its engine is closed. */
  elsewhere(conversion: OpenConversion): Engine {
    return new AdmittedEngine(this.#link.engine(conversion), this.#admit(conversion))
  }

  workers(): WorkerView[] {
    return this.#workers.views()
  }

  view(): ScaleOutView {
    const { kind } = this.#link.state
    return { coordinator: this.#url, redis: this.#redis.shown, redisState: kind === 'stopped' ? 'away' : kind }
  }

  async #stop(): Promise<void> {
    this.#workers.stop()
    await Promise.all([this.#link.stop(), this.#listener.stop()])
  }

  /** How to let workers go again; `undefined` where none are let in. */
  async #admit(conversion: OpenConversion): Promise<(() => Promise<void>) | undefined> {
    try {
      return await this.#conversions.add(conversion, { sharedResults: this.#sharedResults })
    } catch (error) {
      this.#log.warn({ err: error }, 'workers cannot leave results beside the output: they upload them')
    }
    try {
      return await this.#conversions.add(conversion, { sharedResults: false })
    } catch (error) {
      this.#log.error({ err: error }, 'no workers are let into the conversion')
      return undefined
    }
  }
}

/**
 * A coordinator as the settings want it, started.
 * @throws MiberaError USAGE, TOKEN_UNUSABLE, IO
 */
export async function startCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const coordinator = new Coordinator(options, await prepare(options))
  try {
    await coordinator.start()
  } catch (error) {
    await coordinator.stop()
    throw error
  }
  return coordinator
}

async function prepare({ settings, log }: CoordinatorOptions): Promise<Prepared> {
  const { redis, redisCa, redisPasswordFile, tokenFile, tlsCert, tlsKey } = settings
  const listen = parseListenAddress(settings.listen ?? '')
  if (redis === null || listen === undefined || tokenFile === null) {
    throw new MiberaError('INTERNAL', 'a coordinator was begun without the settings that it needs')
  }
  return {
    redis: await redisAddress({
      url: redis,
      ...(redisCa === null ? {} : { caFile: redisCa }),
      ...(redisPasswordFile === null ? {} : { passwordFile: redisPasswordFile }),
    }),
    listen,
    tls: tlsCert === null || tlsKey === null ? undefined : await readTlsFiles(tlsCert, tlsKey),
    token: new TokenFile(tokenFile, log),
  }
}

/** Names what is of this daemon in a Redis that others use, too. The same after a restart. */
function coordinatorId(stateDirectory: string): string {
  const place = `${hostname()}\n${resolve(stateDirectory)}`
  return createHash('sha256').update(place).digest('hex').slice(0, 16)
}
