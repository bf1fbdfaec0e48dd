import { randomUUID } from 'node:crypto'
import { MiberaError } from '../../../base/errors.ts'
import { quote, quoteIfOdd } from '../../../base/quote.ts'
import type { GgmlType } from '../../../formats/ggml/block-types.ts'
import type { Log } from '../../log.ts'
import type { WorkerView } from '../../protocol.ts'
import type { Handshake, Heartbeat } from '../protocol.ts'
import { CheckPolicy } from './check-policy.ts'
import { SampledSlices, type TakenSlice } from './sampled-slices.ts'

/** Results that were not right before nothing more is taken of a worker. */
const mostStrikes = 3
/** Workers known at a time, those that have been silent for long included. */
const mostWorkers = 4096
/** A worker that has not been heard of for so many heartbeats does not count as one that can take jobs. */
const heartbeatsMissed = 3
/** Silent for so long (ms), a worker is forgotten: if it lives, it shakes hands again. */
const forgottenAfter = 15 * 60_000
/** So long (ms) the wrong results of a process are remembered, whatever ids it had. */
const strikesForgottenAfter = 24 * 3_600_000

interface Standing {
  strikes: number
  lastStrike: number
}

interface Member {
  readonly handshake: Handshake
  readonly policy: CheckPolicy
  /** The same for all ids that one process has had. */
  readonly standing: Standing
  readonly sampled: SampledSlices
  beat: Heartbeat
  lastSeen: number
}

export interface RegistryOptions {
  /** How often workers are told to say how it goes. */
  readonly heartbeatMilliseconds: number
  readonly log: Log
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

/** The workers of this daemon, as long as it runs: who they are, how it goes with them, and how far they are trusted. */
export class WorkerRegistry {
  readonly heartbeatMilliseconds: number
  readonly #log: Log
  readonly #now: () => number
  readonly #members = new Map<string, Member>()
  /** Of processes that gave wrong results; by number, host and address. */
  readonly #standings = new Map<string, Standing>()
  readonly #listeners = new Set<() => void>()
  readonly #timer: NodeJS.Timeout
  #toldThreads = 0

  constructor({ heartbeatMilliseconds, log, now = Date.now }: RegistryOptions) {
    this.heartbeatMilliseconds = heartbeatMilliseconds
    this.#log = log
    this.#now = now
    this.#timer = setInterval(() => this.look(), heartbeatMilliseconds).unref()
  }

  /** Threads of the workers that were heard of lately. */
  get threads(): number {
    const since = this.#now() - heartbeatsMissed * this.heartbeatMilliseconds
    return [...this.#members.values()]
      .filter((member) => member.lastSeen >= since && !isQuarantined(member))
      .reduce((sum, { beat }) => sum + beat.threads, 0)
  }

  /**
   * Lets a worker in whose program was found to fit.
   * @param address that it comes from.
   * @returns its id.
   * @throws MiberaError WORKER_QUARANTINED, TOO_MANY_REQUESTS
   */
  join(handshake: Handshake, address = ''): string {
    this.look()
    const { threads, host, pid } = handshake
    const process = `${pid}@${host}@${address}`
    const standing = this.#standings.get(process) ?? { strikes: 0, lastStrike: 0 }
    if (isQuarantined({ standing })) throw quarantined(handshake)
    if (this.#members.size >= mostWorkers) {
      throw new MiberaError('TOO_MANY_REQUESTS', `there are ${mostWorkers} workers already`, { subject: host })
    }
    const id = randomUUID()
    const beat = { threads, tensor: null, weightsPerSecond: 0, jobsDone: 0, failures: 0, resident: 0 }
    this.#members.set(id, {
      handshake,
      beat,
      standing,
      policy: new CheckPolicy(),
      sampled: new SampledSlices(),
      lastSeen: this.#now(),
    })
    this.#standings.set(process, standing)
    this.#log.info(
      { worker: id, host, workerPid: pid, threads, address },
      `a worker has joined: ${quoteIfOdd(host)}, process ${pid}`,
    )
    this.#tell()
    return id
  }

  /**
   * Notes that a worker was heard of.
   * @throws MiberaError WORKER_UNKNOWN, WORKER_QUARANTINED
   */
  hear(id: string): void {
    this.#require(id).lastSeen = this.#now()
  }

  has(id: string): boolean {
    return this.#members.has(id)
  }

  /** @throws MiberaError as {@link hear} */
  beat(id: string, beat: Heartbeat): void {
    const member = this.#require(id)
    member.lastSeen = this.#now()
    member.beat = beat
    if (this.threads !== this.#toldThreads) this.#tell()
  }

  leave(id: string): void {
    const member = this.#members.get(id)
    if (member === undefined || isQuarantined(member)) return
    this.#members.delete(id)
    const { host, pid } = member.handshake
    this.#log.info({ worker: id, host, workerPid: pid }, `a worker has left: ${quoteIfOdd(host)}, process ${pid}`)
    this.#tell()
  }

  isQuarantined(id: string): boolean {
    const member = this.#members.get(id)
    return member !== undefined && isQuarantined(member)
  }

  /** How much of a slice of this type is made again here before it is taken. */
  checkFor(id: string, type: GgmlType): 'sample' | 'whole' {
    return this.#members.get(id)?.policy.checkFor(type) ?? 'whole'
  }

  /** A slice was checked, found right, and taken. */
  wasRight(id: string, type: GgmlType, check: 'sample' | 'whole', taken: TakenSlice): void {
    const member = this.#members.get(id)
    member?.policy.wasRight(type, check)
    if (check === 'whole') return
    // Meanwhile it gave a wrong result, or is gone: a sample is no longer enough.
    if (member === undefined || member.policy.checkFor(type) === 'whole') taken.conversion.retake([taken.id])
    else member.sampled.add(taken)
  }

  /** A result was not what this machine makes of the same rows, or not what its sender said of it. */
  strike(id: string, why: string): void {
    const member = this.#members.get(id)
    if (member === undefined || isQuarantined(member)) return
    const { host, pid } = member.handshake
    const { standing } = member
    standing.strikes++
    standing.lastStrike = this.#now()
    member.policy.distrust()
    const retaken = member.sampled.retake()
    const facts = { worker: id, host, workerPid: pid, strikes: standing.strikes, retaken }
    const again = retaken === 0 ? '' : `; ${retaken} slices that were taken of it after a sample are made again`
    this.#log.warn(facts, `a worker's result was refused: ${why}${again}`)
    if (isQuarantined(member)) this.#log.error(facts, 'the worker is in quarantine: nothing more is taken of it')
    this.#tell()
  }

  /** In the order of their coming. */
  views(): WorkerView[] {
    return [...this.#members].map(([id, member]) => ({
      id,
      host: member.handshake.host,
      pid: member.handshake.pid,
      version: member.handshake.version,
      ...member.beat,
      strikes: member.standing.strikes,
      quarantined: isQuarantined(member),
      lastSeen: member.lastSeen,
    }))
  }

  /**
   * Has `listener` called whenever a worker came, left, fell silent, or changed its threads or standing.
   * @returns ends this.
   */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Forgets who has been silent for long, and tells when others fell silent. Done by itself at every heartbeat. */
  look(): void {
    for (const [id, { lastSeen }] of this.#members) {
      if (this.#now() - lastSeen > forgottenAfter) this.#members.delete(id)
    }
    const inUse = new Set([...this.#members.values()].map(({ standing }) => standing))
    for (const [name, standing] of this.#standings) {
      const isOld = this.#now() - standing.lastStrike > strikesForgottenAfter
      if (isOld && !inUse.has(standing)) this.#standings.delete(name)
    }
    if (this.threads !== this.#toldThreads) this.#tell()
  }

  /** Looks no more. Safe to call twice. */
  stop(): void {
    clearInterval(this.#timer)
  }

  #require(id: string): Member {
    const member = this.#members.get(id)
    if (member === undefined) {
      throw new MiberaError('WORKER_UNKNOWN', `no worker ${quote(id)} has shaken hands with this daemon`, {
        hint: 'A worker does so again by itself, as after a restart of the daemon.',
      })
    }
    if (isQuarantined(member)) throw quarantined(member.handshake)
    return member
  }

  #tell(): void {
    this.#toldThreads = this.threads
    for (const listener of this.#listeners) listener()
  }
}

function isQuarantined({ standing }: Pick<Member, 'standing'>): boolean {
  return standing.strikes >= mostStrikes
}

function quarantined({ host, pid }: Handshake): MiberaError {
  return new MiberaError(
    'WORKER_QUARANTINED',
    `the worker with process ${pid} on ${quote(host)} gave ${mostStrikes} wrong results: nothing more is taken of it`,
    { subject: host, hint: 'Check the memory of that machine, and what it reads the sources from.' },
  )
}
