import { setTimeout as delay } from 'node:timers/promises'
import { MiberaError } from '../base/errors.ts'
import {
  coordinatorApi,
  type Handshake,
  type Heartbeat,
  type Welcome,
  welcomeSchema,
} from '../daemon/coordinator/protocol.ts'
import { planFormat } from '../plan/fingerprint.ts'
import type { CoordinatorClient } from './coordinator-client.ts'
import type { ThreadShare } from './thread-share.ts'

export interface MembershipOptions {
  readonly client: CoordinatorClient
  readonly share: ThreadShare
  readonly self: Pick<Handshake, 'version' | 'kernels' | 'host' | 'pid' | 'threads'>
  /** How it goes, asked for before each heartbeat. */
  readonly beat: () => Heartbeat
  /** Shaken hands, for the first time or again. */
  readonly onJoined: (welcome: Welcome) => void
  /** At the first handshake: it does not answer yet. Told once. */
  readonly onWaiting: () => void
  /** The coordinator does not answer, or not as it should. Told at every failed heartbeat. */
  readonly onAway: (error: MiberaError) => void
  /** It answered. Told at every heartbeat. */
  readonly onThere: () => void
  /** It will never again have anything to do with this process. */
  readonly onExpelled: (error: MiberaError) => void
}

/** A worker may be started a moment before its coordinator. */
const firstPatience = 15_000
/** A coordinator that does not answer a heartbeat for so long (ms) is away. */
const heartbeatPatience = 10_000
/** The coordinator forgets a worker by itself; telling it is only polite. */
const farewellPatience = 1000

/** What a new handshake does not change. */
const final: ReadonlySet<string> = new Set(['WORKER_QUARANTINED', 'WORKER_VERSION'])

/** Being known to the coordinator: handshake, heartbeats, and a new handshake when it was restarted. */
export class Membership {
  readonly #options: MembershipOptions
  readonly #end = new AbortController()
  #heartbeatMilliseconds = 0
  #joining: Promise<void> | undefined
  #beating: Promise<void> | undefined

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /**
   * The first handshake; heartbeats follow by themselves.
   * @throws MiberaError TOKEN_REFUSED, WORKER_VERSION, COORDINATOR_UNREACHABLE, …
   */
  async start(stop: AbortSignal): Promise<void> {
    await this.#join(firstPatience, stop)
    this.#beating = this.#beatOnAndOn()
  }

  /** Makes sure that the coordinator knows this worker: it may have been restarted since a request was refused. */
  async confirm(): Promise<void> {
    await this.#beat()
  }

  /** Shakes hands again; once, however many ask for it meanwhile. */
  #rejoin(): Promise<void> {
    this.#joining ??= this.#join(0).finally(() => {
      this.#joining = undefined
    })
    return this.#joining
  }

  /** Takes leave. Safe to call twice, and before start. */
  async stop(): Promise<void> {
    if (this.#end.signal.aborted) return
    this.#end.abort()
    if (this.#beating === undefined) return
    const farewell = this.#beating.then(() => this.#leave()).catch(() => {})
    await Promise.race([farewell, delay(farewellPatience)])
  }

  async #leave(): Promise<void> {
    const { client, share } = this.#options
    await client.send({ method: 'DELETE', path: `/v1/workers/${share.worker}` }, { patience: 0 })
  }

  async #join(patience: number, stop?: AbortSignal): Promise<void> {
    const { client, share, self, onJoined, onWaiting } = this.#options
    const document: Handshake = { api: coordinatorApi, planFormat, ...self }
    const options = { patience, onWaiting, ...(stop === undefined ? {} : { stop }) }
    const welcome = await client.ask({ method: 'POST', path: '/v1/workers', document }, welcomeSchema, options)
    share.worker = welcome.worker
    this.#heartbeatMilliseconds = welcome.heartbeatMilliseconds
    onJoined(welcome)
  }

  async #beatOnAndOn(): Promise<void> {
    const { signal } = this.#end
    while (!signal.aborted) {
      await delay(this.#heartbeatMilliseconds, undefined, { signal }).catch(() => {})
      if (!signal.aborted) await this.#beat()
    }
  }

  async #beat(): Promise<void> {
    const { client, share, beat, onThere } = this.#options
    const { worker } = share
    try {
      const body = JSON.stringify(beat())
      const headers = { 'content-type': 'application/json' }
      const path = `/v1/workers/${worker}`
      await client.send({ method: 'PUT', path, headers, body, quiet: heartbeatPatience }, { patience: 0 })
      onThere()
    } catch (error) {
      if (!(error instanceof MiberaError)) throw error
      if (error.code !== 'WORKER_UNKNOWN') return this.#failed(error)
      // Unless somebody else noticed it before.
      if (share.worker === worker) await this.#rejoin().then(onThere, (again) => this.#failed(again))
    }
  }

  #failed(error: unknown): void {
    const { onAway, onThere, onExpelled } = this.#options
    if (!(error instanceof MiberaError)) throw error
    if (final.has(error.code)) onExpelled(error)
    // It is there, and has a lot to do.
    else if (error.code === 'TOO_MANY_REQUESTS') onThere()
    else onAway(error)
  }
}
