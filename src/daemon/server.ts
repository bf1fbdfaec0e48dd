import { rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type * as z from 'zod'
import { type ErrorCode, errorCodes, exitStatus } from '../base/error-codes.ts'
import { MiberaError } from '../base/errors.ts'
import { prepareControlFolder } from './control-address.ts'
import { errorDocument } from './error-document.ts'
import { type StreamSource, streamEvents } from './event-stream.ts'
import {
  cancelSchema,
  eventQuerySchema,
  idSchema,
  type JobAction,
  type JobDetails,
  type JobView,
  jobListQuerySchema,
  newJobSchema,
  type SettingsView,
} from './protocol.ts'
import { schemaIssues } from './schema-issues.ts'

/** What the control API needs of the daemon. */
export interface Controlled extends StreamSource {
  jobs(filter: z.output<typeof jobListQuerySchema>): JobView[]
  job(id: number): JobDetails
  add(job: z.output<typeof newJobSchema>): Promise<JobView>
  act(id: number, action: JobAction, part: 'keep' | 'remove'): Promise<JobView>
  settings(): SettingsView
  /** Drains and ends the daemon. */
  requestStop(): void
}

/** Requests are small: a path or two and some options. */
const longestBody = 64 * 1024

/** The control API on its socket. One start/stop contract: stop is safe before start and twice. */
export class ControlServer {
  readonly #address: string
  readonly #app: FastifyInstance
  /** Answered when the daemon has given everything back, so that whoever asked may start the next one. */
  readonly #stopRequests = new Set<ServerResponse>()
  readonly #streams = new Set<() => void>()
  #listening = false

  constructor(address: string, daemon: Controlled) {
    this.#address = address
    this.#app = fastify({ bodyLimit: longestBody, logger: false })
    this.#app.setErrorHandler((error, _, reply) => sendError(reply, error))
    this.#app.setNotFoundHandler((request, reply) =>
      sendError(
        reply,
        new MiberaError('USAGE', `there is no ${request.method} ${request.url}`, { hint: 'See docs/control-api.md.' }),
      ),
    )
    this.#addRoutes(daemon)
  }

  /**
   * Listens. The caller holds the state directory, so that a socket found there is a dead process's.
   * @throws MiberaError IO
   */
  async start(): Promise<void> {
    prepareControlFolder(this.#address)
    if (process.platform !== 'win32') rmSync(this.#address, { force: true })
    await this.#app.ready()
    const { server } = this.#app
    // The socket is made inside listen(): with this mask it is never open to others, not for a moment.
    const mask = process.umask(0o177)
    try {
      server.listen(this.#address)
    } finally {
      process.umask(mask)
    }
    await new Promise<void>((resolve, reject) => {
      server.once('listening', resolve)
      server.once('error', (cause) =>
        reject(
          new MiberaError('IO', `cannot listen on ${this.#address}: ${cause.message}`, {
            subject: this.#address,
            cause,
          }),
        ),
      )
    })
    this.#listening = true
  }

  /** No new connection is taken and live views end. Those who asked for the stop still wait. */
  stopListening(): void {
    for (const end of this.#streams) end()
    this.#streams.clear()
    if (this.#listening) this.#app.server.close()
    this.#listening = false
  }

  /** Tells those who asked for the stop that it is done, and ends. */
  async stop(): Promise<void> {
    this.stopListening()
    await Promise.all(
      [...this.#stopRequests].map(
        (response) => new Promise<void>((resolve) => response.end('{"stopped":true}\n', resolve)),
      ),
    )
    this.#stopRequests.clear()
    this.#app.server.closeAllConnections()
    await this.#app.close()
  }

  #addRoutes(daemon: Controlled): void {
    const app = this.#app
    app.get('/v1/status', () => daemon.status())
    app.get('/v1/settings', () => daemon.settings())
    app.get('/v1/jobs', ({ query }) => daemon.jobs(lawful(jobListQuerySchema, query)))
    app.post('/v1/jobs', ({ body }, reply) => {
      reply.code(201)
      return daemon.add(lawful(newJobSchema, body))
    })
    app.get('/v1/jobs/:id', (request) => daemon.job(idOf(request)))
    for (const action of ['pause', 'resume', 'retry', 'cancel'] as const) {
      app.post(`/v1/jobs/:id/${action}`, (request) => {
        const { part } = lawful(cancelSchema, action === 'cancel' ? (request.body ?? {}) : {})
        return daemon.act(idOf(request), action, part)
      })
    }
    app.get('/v1/events', (request, reply) => {
      const filter = lawful(eventQuerySchema, request.query)
      reply.hijack()
      this.#streams.add(streamEvents(reply.raw, daemon, filter))
    })
    app.post('/v1/stop', (_, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'application/json' })
      this.#stopRequests.add(reply.raw)
      daemon.requestStop()
    })
  }
}

function idOf({ params }: FastifyRequest): number {
  return lawful(idSchema, params).id
}

function lawful<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new MiberaError('USAGE', schemaIssues(result.error).join('; '), { hint: 'See docs/control-api.md.' })
}

/** HTTP's own status beside the error's code, for programs that look at that first. */
function httpStatus(code: ErrorCode): number {
  if (code === 'JOB_UNKNOWN') return 404
  const { exit } = errorCodes[code]
  if (exit === exitStatus.usage) return 400
  return exit === exitStatus.conflict ? 409 : 500
}

function sendError(reply: FastifyReply, error: unknown): void {
  const known = error instanceof MiberaError ? error : requestError(error)
  reply.code(httpStatus(known.code)).send(errorDocument(known))
}

/** Fastify's own refusals (too long, not JSON) are the caller's mistakes; all else is ours. */
function requestError(error: unknown): MiberaError {
  const message = error instanceof Error ? error.message : String(error)
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  return new MiberaError(status < 500 ? 'USAGE' : 'INTERNAL', message, { cause: error })
}
