import type { IncomingMessage } from 'node:http'
import { MiberaError } from '../../../base/errors.ts'
import { workerHeader } from '../protocol.ts'
import type { TokenFile } from '../trust/token-file.ts'
import type { WorkerRegistry } from '../trust/worker-registry.ts'
import { addressGroup } from './address-group.ts'
import { RateLimit } from './rate-limit.ts'

/** A wrong token is a slip, or a token that was changed a moment ago; more than that is somebody who guesses. */
const wrongTokens = { burst: 20, perSecond: 0.5 }
/** Handshakes and whatever else comes without a worker's id, of one address. */
const strangers = { burst: 200, perSecond: 50 }
/** Requests of one worker: above what a coordinator can answer one of many. */
const acquainted = { burst: 10_000, perSecond: 5000 }

/**
 * Who is let in. Stands before everything else: no route, no parser and no file is reached by a request without the
 * token. From an address that has shown too many wrong ones, only workers known already are heard: a right guess would
 * not even be noticed.
 */
export class Gate {
  readonly #token: TokenFile
  readonly #workers: WorkerRegistry
  readonly #wrong = new RateLimit(wrongTokens)
  readonly #strange = new RateLimit(strangers)
  readonly #known = new RateLimit(acquainted)

  constructor(token: TokenFile, workers: WorkerRegistry) {
    this.#token = token
    this.#workers = workers
  }

  /** @throws MiberaError TOKEN_REFUSED, TOO_MANY_REQUESTS */
  pass(request: IncomingMessage): void {
    const worker = request.headers[workerHeader]
    if (typeof worker === 'string' && this.#workers.has(worker)) this.#passKnown(request, worker)
    else this.#passStranger(request, addressGroup(request.socket.remoteAddress))
  }

  /** Its id is as hard to guess as a token: a wrong token is one that was changed, and it is told so each time. */
  #passKnown(request: IncomingMessage, worker: string): void {
    if (!this.#known.take(worker)) throw tooMany('requests came from this worker')
    this.#requireToken(request)
  }

  #passStranger(request: IncomingMessage, address: string): void {
    if (!this.#wrong.allows(address)) throw tooMany('wrong tokens came from this address')
    try {
      this.#requireToken(request)
    } catch (error) {
      this.#wrong.take(address)
      throw error
    }
    if (!this.#strange.take(address)) throw tooMany('requests came from this address')
  }

  #requireToken(request: IncomingMessage): void {
    const presented = presentedToken(request)
    if (presented === undefined || !this.#token.matches(presented)) throw refused(presented === undefined)
  }
}

/** "Bearer TOKEN" of programs; of browsers, which know only "Basic", the password. */
function presentedToken({ headers, method, url }: IncomingMessage): string | undefined {
  const [, scheme, value] = /^(bearer|basic) ([\x21-\x7e]+)$/i.exec(headers.authorization ?? '') ?? []
  if (value === undefined) return undefined
  if (scheme?.toLowerCase() === 'bearer') return value
  // A browser sends what it was once told with whatever a foreign page asks of this address: only looking is for it.
  if (method !== 'GET' || url === undefined || !isBoard(url)) return undefined
  const words = Buffer.from(value, 'base64').toString('latin1')
  return words.slice(words.indexOf(':') + 1)
}

function isBoard(url: string): boolean {
  return /^\/board(?:[/?]|$)/.test(url)
}

function refused(missing: boolean): MiberaError {
  return new MiberaError(
    'TOKEN_REFUSED',
    missing ? 'the request has no token' : 'the token is not that of this daemon',
    {
      hint: 'Give the worker a copy of the file that the daemon was started with (--token-file).',
    },
  )
}

function tooMany(what: string): MiberaError {
  return new MiberaError('TOO_MANY_REQUESTS', `too many ${what}`, { hint: 'Wait a little.' })
}
