import { request } from 'node:http'
import { isErrorCode } from '../base/error-codes.ts'
import { MiberaError, systemCode } from '../base/errors.ts'
import { controlAddress } from './control-address.ts'
import { type ServerSentEvent, serverSentEvents } from './server-sent-events.ts'

/** A daemon that has not answered by then is stuck. */
const answerMilliseconds = 10_000

/** What connecting to a socket says where nobody listens, or whoever did has just ended. */
const nobody: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'ECONNRESET', 'EPIPE'])

/** Talks to the daemon of a state directory. Holds no connection: it need not be closed. */
export class DaemonClient {
  readonly #address: string

  constructor(stateDirectory: string) {
    this.#address = controlAddress(stateDirectory)
  }

  /**
   * The daemon's answer, or `undefined` when none runs. The answer is trusted to be as in protocol.ts: both are of this
   * user, and of the same API version, which is part of the path.
   * @throws MiberaError with which the daemon refused; IO when it does not answer.
   */
  async ask<Answer>(method: 'GET' | 'POST', path: string, body?: object): Promise<Answer | undefined> {
    const response = await this.#send(method, path, { body, timeout: answerMilliseconds })
    if (response === undefined) return undefined
    const text = await textOf(response.chunks)
    if (response.status >= 400) throw refusalOf(text, response.status)
    return JSON.parse(text) as Answer
  }

  /** Asks the daemon to end, and waits until it has given everything back. False when none runs. */
  async stop(): Promise<boolean> {
    const response = await this.#send('POST', '/v1/stop', {})
    if (response === undefined) return false
    // A daemon that was killed meanwhile has stopped, too.
    await textOf(response.chunks).catch(() => '')
    return true
  }

  /** Events as they happen, until the daemon ends or `stop` is aborted. `undefined` when none runs. */
  async events(query: string, stop?: AbortSignal): Promise<AsyncIterable<ServerSentEvent> | undefined> {
    const response = await this.#send('GET', `/v1/events${query}`, { stop })
    return response === undefined ? undefined : serverSentEvents(response.chunks)
  }

  #send(
    method: string,
    path: string,
    { body, timeout, stop }: { body?: object | undefined; timeout?: number; stop?: AbortSignal | undefined },
  ): Promise<Response | undefined> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const headers = text === undefined ? {} : { 'content-type': 'application/json' }
      const options = { socketPath: this.#address, method, path, headers, agent: false as const }
      const sent = request({ ...options, ...(stop === undefined ? {} : { signal: stop }) }, (message) =>
        resolve({ status: message.statusCode ?? 0, chunks: message }),
      )
      if (timeout !== undefined) sent.setTimeout(timeout, () => sent.destroy(this.#silent(timeout)))
      sent.on('error', (error) => (nobody.has(systemCode(error)) ? resolve(undefined) : reject(this.#explain(error))))
      sent.end(text)
    })
  }

  #silent(milliseconds: number): MiberaError {
    return new MiberaError('IO', `the daemon has not answered on ${this.#address} for ${milliseconds / 1000} s`, {
      subject: this.#address,
      hint: '"mibera daemon logs" may tell why. End its process and start it again: it goes on where it was.',
    })
  }

  #explain(error: Error): unknown {
    if (error instanceof MiberaError || error.name === 'AbortError') return error
    return new MiberaError('IO', `the daemon cannot be asked on ${this.#address}: ${error.message}`, {
      subject: this.#address,
      hint: 'Check that it runs as the same user.',
      cause: error,
    })
  }
}

interface Response {
  readonly status: number
  readonly chunks: AsyncIterable<Buffer>
}

async function textOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all).toString('utf8')
}

function refusalOf(text: string, status: number): MiberaError {
  const { error } = JSON.parse(text) as {
    error: { code: string; message: string; subject?: string; hint?: string }
  }
  const { message, subject, hint } = error
  return new MiberaError(isErrorCode(error.code) ? error.code : 'INTERNAL', message ?? `HTTP status ${status}`, {
    subject,
    hint,
  })
}
