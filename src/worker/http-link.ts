import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http'
import { request as secureRequest, Agent as TlsAgent } from 'node:https'

/** Where the coordinator listens. Plain data: threads are given it. */
export interface CoordinatorAddress {
  /** "https://host:port" */
  readonly origin: string
  /** Certificates (PEM) to trust instead of those of the system. */
  readonly ca: string | undefined
}

export interface Exchange {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Value of the header "range"; asked for each time that the request is sent. */
  readonly range?: () => string
  readonly body?: Uint8Array | string
  /** Given up when nothing has moved for so long (ms); a minute unless said otherwise. */
  readonly quiet?: number
  /** Takes the bytes of a partial content (206) as they come; all other answers are collected as text. */
  readonly into?: (chunk: Uint8Array) => void
}

export interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly text: string
}

/** A connection on which nothing has moved for so long is given up. A check of a whole slice may keep an answer waiting. */
const quietMilliseconds = 60_000
/** Longest text of an answer: plans of many tensors are some megabytes. */
const maxTextBytes = 256 * 2 ** 20

/** HTTP to one place, over connections that are kept open. Knows nothing of what is said. */
export class HttpLink {
  readonly #address: CoordinatorAddress
  readonly #agent: PlainAgent | TlsAgent
  readonly #onLife: () => void

  /** @param onLife called whenever bytes have come or an answer has. */
  constructor(address: CoordinatorAddress, onLife: () => void = () => {}) {
    this.#address = address
    this.#onLife = onLife
    const options = { keepAlive: true, ...(address.ca === undefined ? {} : { ca: address.ca }) }
    this.#agent = address.origin.startsWith('https:') ? new TlsAgent(options) : new PlainAgent(options)
  }

  /** One request and its answer. Fails with the error of the system, or of `into`. */
  send(exchange: Exchange): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        reject(error)
        sent.destroy()
      }
      const sent = this.#request(exchange, (response) => this.#receive(response, exchange, fail, resolve))
      const quiet = exchange.quiet ?? quietMilliseconds
      sent.setTimeout(quiet, () => fail(silent(quiet)))
      sent.on('error', fail)
      sent.end(exchange.body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }

  #request({ method, path, headers, range, body }: Exchange, onAnswer: (response: IncomingMessage) => void) {
    const request = this.#agent instanceof TlsAgent ? secureRequest : plainRequest
    const ranged = range === undefined ? {} : { range: range() }
    const length = body === undefined ? 0 : Buffer.byteLength(body)
    return request(
      new URL(path, this.#address.origin),
      { method, agent: this.#agent, headers: { ...headers, ...ranged, 'content-length': length } },
      onAnswer,
    )
  }

  #receive(
    response: IncomingMessage,
    { into }: Exchange,
    fail: (error: Error) => void,
    done: (answer: Answer) => void,
  ): void {
    const status = response.statusCode ?? 0
    const chunks: Buffer[] = []
    let collected = 0
    const take = (chunk: Buffer): void => {
      this.#onLife()
      if (into !== undefined && status === 206) {
        into(chunk)
        return
      }
      collected += chunk.length
      if (collected > maxTextBytes) throw new Error(`the answer is longer than ${maxTextBytes} bytes`)
      chunks.push(chunk)
    }
    response.on('data', (chunk: Buffer) => {
      try {
        take(chunk)
      } catch (error) {
        fail(error as Error)
      }
    })
    response.on('error', fail)
    response.on('end', () => {
      this.#onLife()
      const retryAfter = response.headers['retry-after']
      done({ status, retryAfter, text: Buffer.concat(chunks).toString('utf8') })
    })
  }
}

function silent(milliseconds: number): Error {
  return Object.assign(new Error(`nothing was heard for ${milliseconds / 1000} s`), { code: 'ETIMEDOUT' })
}
