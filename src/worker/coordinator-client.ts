import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { isErrorCode } from '../base/error-codes.ts'
import { MiberaError, systemCode } from '../base/errors.ts'
import { workerHeader } from '../daemon/coordinator/protocol.ts'
import { type Answer, type CoordinatorAddress, type Exchange, HttpLink } from './http-link.ts'
import type { TokenReader } from './token-reader.ts'

export interface ClientOptions {
  readonly address: CoordinatorAddress
  readonly token: TokenReader
  /** The id of the handshake, once there is one. */
  readonly worker: () => string | undefined
  /** Called whenever bytes have come or an answer has. */
  readonly onLife?: () => void
}

export interface AskOptions {
  /** How long (ms) a coordinator that is away, or overcharged, is asked again. 0: it is asked once. */
  readonly patience?: number
  /** Aborted: not asked again. */
  readonly stop?: AbortSignal
  /** Called once when it has to be asked again. */
  readonly onWaiting?: () => void
}

/** Long enough for a coordinator to be restarted, or a cable to be plugged in again, without any slice being lost. */
const usualPatience = 60_000
/** How long (ms) it may take until the new token is copied to this machine after it was changed. */
const copyPatience = 5000
const firstPause = 100
const longestPause = 3000

/** What a certificate that is not trusted, or is another's, is told by: asking again does not change that. */
const tlsTrouble =
  /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH$|INVALID_CA$|EPROTO$)/

/** Asks the coordinator, with the token; again where that can help. */
export class CoordinatorClient {
  readonly #options: ClientOptions
  readonly #link: HttpLink

  constructor(options: ClientOptions) {
    this.#options = options
    this.#link = new HttpLink(options.address, options.onLife)
  }

  /** An answer in JSON, checked. */
  async ask<Schema extends z.ZodType>(
    exchange: Omit<Exchange, 'body' | 'into'> & { readonly document?: object },
    schema: Schema,
    options: AskOptions = {},
  ): Promise<z.output<Schema>> {
    const { document, headers, ...rest } = exchange
    const json = document === undefined ? {} : { body: JSON.stringify(document) }
    const type = document === undefined ? {} : { 'content-type': 'application/json' }
    const { text } = await this.send({ ...rest, ...json, headers: { ...headers, ...type } }, options)
    return this.#parse(text, schema, exchange)
  }

  /**
   * @returns the answer to a request that was not refused.
   * @throws MiberaError with which the coordinator refused; COORDINATOR_UNREACHABLE when it did not answer while there
   * was patience.
   */
  async send(exchange: Exchange, { patience = usualPatience, stop, onWaiting }: AskOptions = {}): Promise<Answer> {
    const begun = performance.now()
    let pause = firstPause
    let told = false
    for (;;) {
      const outcome = await this.#once(exchange)
      if ('answer' in outcome) return outcome.answer
      // Whoever watches this thread sees that it is at it.
      this.#options.onLife?.()
      const most = outcome.trouble.code === 'TOKEN_REFUSED' ? Math.min(patience, copyPatience) : patience
      const left = begun + most - performance.now()
      if (left <= 0 || stop?.aborted === true) throw outcome.trouble
      if (!told) onWaiting?.()
      told = true
      const wait = Math.min(left, outcome.wait ?? pause * (0.5 + Math.random()))
      await delay(wait, undefined, stop === undefined ? {} : { signal: stop }).catch(() => {})
      pause = Math.min(longestPause, pause * 2)
    }
  }

  close(): void {
    this.#link.close()
  }

  /**
   * @returns the answer, or trouble that may pass.
   * @throws what will not pass.
   */
  async #once(exchange: Exchange): Promise<{ answer: Answer } | { trouble: MiberaError; wait?: number }> {
    const { token } = this.#options
    try {
      const used = token.current
      let answer = await this.#link.send(this.#signed(exchange, used))
      // The token may have been rotated since it was read.
      if (answer.status === 401 && token.readAgain() !== used) {
        answer = await this.#link.send(this.#signed(exchange, token.current))
      }
      if (answer.status < 300) return { answer }
      const refusal = this.#refusal(answer, exchange)
      if (answer.status === 429) return { trouble: refusal, wait: Number(answer.retryAfter ?? 1) * 1000 || 1000 }
      // A token that was accepted before was changed.
      const changed = answer.status === 401 && this.#options.worker() !== undefined
      if (answer.status < 500 && !changed) throw refusal
      return { trouble: refusal }
    } catch (cause) {
      if (cause instanceof MiberaError) throw cause
      const trouble = this.#unreachable(cause as Error)
      if (tlsTrouble.test(systemCode(cause) ?? '')) throw trouble
      return { trouble }
    }
  }

  #signed(exchange: Exchange, token: string): Exchange {
    const worker = this.#options.worker()
    const headers = {
      ...(worker === undefined ? {} : { [workerHeader]: worker }),
      ...exchange.headers,
      authorization: `Bearer ${token}`,
    }
    return { ...exchange, headers }
  }

  #refusal({ status, text }: Answer, { method, path }: Exchange): MiberaError {
    const { origin } = this.#options.address
    const refusal = readRefusal(text)
    if (refusal === undefined) {
      return new MiberaError(
        'COORDINATOR_UNREACHABLE',
        `${origin} answered ${method} ${path} with HTTP status ${status}`,
        {
          subject: origin,
          hint: 'Check that --coordinator names a daemon started with --listen, and no other server.',
        },
      )
    }
    const { code, message, subject, hint } = refusal
    return new MiberaError(code, message, {
      subject,
      hint,
    })
  }

  #unreachable(cause: Error): MiberaError {
    const { origin, ca } = this.#options.address
    const reason = cause.message.trim() === '' ? (systemCode(cause) ?? cause.name) : cause.message.trim()
    return new MiberaError('COORDINATOR_UNREACHABLE', `the coordinator ${origin} cannot be reached: ${reason}`, {
      subject: origin,
      hint: unreachableHint(systemCode(cause) ?? '', ca !== undefined),
      cause,
    })
  }

  #parse<Schema extends z.ZodType>(
    text: string,
    schema: Schema,
    { method, path }: Pick<Exchange, 'method' | 'path'>,
  ): z.output<Schema> {
    try {
      return schema.parse(JSON.parse(text))
    } catch (cause) {
      const { origin } = this.#options.address
      throw new MiberaError('COORDINATOR_UNREACHABLE', `${origin} answered ${method} ${path} with what is no answer`, {
        subject: origin,
        hint: 'Check that --coordinator names a daemon of the same version, and no other server.',
        cause,
      })
    }
  }
}

function unreachableHint(code: string, ownCa: boolean): string {
  if (code === 'EPROTO') return 'What listens there does not speak TLS: give the daemon --tls-cert and --tls-key.'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return 'Use a name or address that the certificate has, or make one with this name (subjectAltName).'
  }
  if (tlsTrouble.test(code)) {
    const misfit = ownCa ? ': the one given does not fit' : ''
    return `Name the certificate that it was started with (or its authority's) by --ca${misfit}.`
  }
  return 'Check that the daemon runs with --listen on that address, and that nothing between the machines stops it.'
}

const refusalDocument = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    subject: z.string().nullish(),
    hint: z.string().nullish(),
  }),
})

function readRefusal(text: string) {
  try {
    const { code, message, subject, hint } = refusalDocument.parse(JSON.parse(text)).error
    if (!isErrorCode(code)) return undefined
    return { code, message, subject: subject ?? undefined, hint: hint ?? undefined }
  } catch {
    return undefined
  }
}
