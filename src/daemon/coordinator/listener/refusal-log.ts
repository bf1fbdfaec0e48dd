import type { IncomingMessage } from 'node:http'
import { quote } from '../../../base/quote.ts'
import type { Log } from '../../log.ts'
import type { Refusal } from '../refusals.ts'
import { addressGroup } from './address-group.ts'
import { RateLimit } from './rate-limit.ts'

/** Lines that one address may cause: whoever floods the listener must not flood the log. */
const lines = { burst: 50, perSecond: 1 }

/** Refusals that belong to the work: a conversion ended under way, a daemon was started anew. */
const usual: ReadonlySet<string> = new Set(['CONVERSION_INACTIVE', 'WORKER_UNKNOWN'])

/** Writes down what was refused, to whom. Never what a request carried besides its first line, shortened. */
export class RefusalLog {
  readonly #log: Log
  readonly #lines = new RateLimit(lines)
  #unlogged = 0

  constructor(log: Log) {
    this.#log = log
  }

  refused(request: IncomingMessage, { status, error }: Refusal): void {
    const { method, url, socket } = request
    const facts = { method, url: quote(url ?? ''), status, code: error.code }
    this.#write(socket.remoteAddress, error, facts, usual.has(error.code) ? 'debug' : status >= 500 ? 'error' : 'warn')
  }

  /** A connection that did not get as far as a request. */
  dropped(address: string | undefined, why: string): void {
    this.#write(address, new Error(why), {}, 'warn')
  }

  #write(address: string | undefined, error: Error, facts: object, level: 'debug' | 'warn' | 'error'): void {
    if (!this.#lines.take(addressGroup(address))) {
      this.#unlogged++
      return
    }
    const unlogged = this.#unlogged === 0 ? {} : { unlogged: this.#unlogged }
    const cause = level === 'error' ? { err: error.cause ?? error } : {}
    this.#unlogged = 0
    this.#log[level](
      { address, ...facts, ...unlogged, ...cause },
      `refused a request from ${address ?? 'an unknown address'}: ${error.message}`,
    )
  }
}
