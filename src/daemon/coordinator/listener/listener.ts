import { lookup } from 'node:dns/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { type AddressInfo, isIPv6 } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { MiberaError } from '../../../base/errors.ts'
import type { Log } from '../../log.ts'
import { nothingThere } from '../lawful-request.ts'
import { refusalDocument, refusalHeaders, refusalOf, sendRefusal } from '../refusals.ts'
import { ByteBudget } from '../transfer/byte-budget.ts'
import { SliceIntake } from '../transfer/slice-intake.ts'
import { type TransferLimits, usualLimits } from '../transfer/transfer-limits.ts'
import type { TokenFile } from '../trust/token-file.ts'
import { boundBody } from './bound-body.ts'
import { Gate } from './gate.ts'
import { addImportanceRoute } from './importance-route.ts'
import { isLoopback, type ListenAddress } from './listen-address.ts'
import { RefusalLog } from './refusal-log.ts'
import type { Routes } from './routes.ts'
import { makeServer } from './server.ts'
import { addSliceRoutes } from './slice-routes.ts'
import { addSourceRoute } from './source-route.ts'
import type { TlsFiles } from './tls-files.ts'
import { addUploadRoute } from './upload-route.ts'
import { workerOf } from './worker-of.ts'
import { addWorkerRoutes } from './worker-routes.ts'

export interface ListenerOptions extends Omit<Routes, 'limits'> {
  readonly listen: ListenAddress
  /** Without it, only this machine's own programs may come. */
  readonly tls?: TlsFiles
  readonly token: TokenFile
  readonly limits?: TransferLimits
  /** Adds pages under /board. They are for whoever has the token: a browser gives it as password, under any name. */
  readonly board?: (app: FastifyInstance) => void | Promise<void>
  readonly log: Log
}

/** Where it listens, with the port that it was given. */
export interface ListeningAt extends ListenAddress {
  readonly url: string
}

/** Longest document of a worker. */
const longestBody = 16 * 1024

/** What workers reach of a daemon. One start/stop contract: stop is safe before start and twice. */
export class CoordinatorListener {
  readonly #options: ListenerOptions
  readonly #refusals: RefusalLog
  readonly #app: FastifyInstance

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#refusals = new RefusalLog(options.log)
    this.#app = this.#makeApp()
    const routes: Routes = { ...options, limits: options.limits ?? usualLimits }
    this.#app.register(async (app) => addRoutes(app, routes))
    const { board } = options
    if (board !== undefined) this.#app.register(async (app) => board(app))
  }

  /**
   * @throws MiberaError USAGE when others than this machine could listen in, IO when the address cannot be used.
   */
  async start(): Promise<ListeningAt> {
    const { listen, tls } = this.#options
    const { address } = await lookup(listen.host).catch((cause) => {
      throw cannotListen(listen, cause)
    })
    if (tls === undefined && !isLoopback({ host: address })) throw unprotected(listen)
    try {
      await this.#app.listen({ host: address, port: listen.port })
    } catch (cause) {
      throw cannotListen(listen, cause)
    }
    const { port } = this.#app.server.address() as AddressInfo
    const host = isIPv6(listen.host) ? `[${listen.host}]` : listen.host
    return { host: listen.host, port, url: `${tls === undefined ? 'http' : 'https'}://${host}:${port}` }
  }

  /** Requests under way are cut off: workers ask again. */
  async stop(): Promise<void> {
    this.#app.server.closeAllConnections()
    await this.#app.close()
  }

  #makeApp(): FastifyInstance {
    const { token, workers, tls } = this.#options
    const gate = new Gate(token, workers)
    const app: FastifyInstance = fastify({
      logger: false,
      bodyLimit: longestBody,
      exposeHeadRoutes: false,
      forceCloseConnections: true,
      // An address that cannot be decoded is none.
      frameworkErrors: (_, request, reply) => void this.#refuse(nothingThere(), request, reply),
      serverFactory: (handle) => this.#guard(gate, handle, tls),
    })
    app.setErrorHandler((error, request, reply) => this.#refuse(error, request, reply))
    app.setNotFoundHandler((request, reply) => this.#refuse(nothingThere(), request, reply))
    return app
  }

  /** Nothing of the framework sees a request before the gate has let it pass. */
  #guard(
    gate: Gate,
    handle: (request: IncomingMessage, response: ServerResponse) => void,
    tls: TlsFiles | undefined,
  ): Server {
    const guarded = (request: IncomingMessage, response: ServerResponse) => {
      boundBody(request, response)
      try {
        gate.pass(request)
      } catch (error) {
        const refusal = refusalOf(error)
        this.#refusals.refused(request, refusal)
        sendRefusal(response, refusal)
        return
      }
      if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue()
      handle(request, response)
    }
    return makeServer(guarded, tls, (address, why) => this.#refusals.dropped(address, why))
  }

  #refuse(error: unknown, { raw }: FastifyRequest, reply: FastifyReply): FastifyReply {
    const refusal = refusalOf(error)
    // A worker that left in the middle is told nothing, and nothing of it is worth a line.
    if (!reply.raw.destroyed || error instanceof MiberaError) this.#refusals.refused(raw, refusal)
    return reply.code(refusal.status).headers(refusalHeaders(refusal)).send(refusalDocument(refusal))
  }
}

function addRoutes(app: FastifyInstance, routes: Routes): void {
  const intake = new SliceIntake(routes.workers, routes.limits)
  const budget = new ByteBudget({ bytes: routes.limits.sent, waiting: routes.limits.waiting })
  app.removeContentTypeParser('text/plain')
  app.register(async (scope) => addWorkerRoutes(scope, routes))
  app.register(async (scope) => {
    // Before a body is read: all but the handshake is for workers that are known and trusted.
    scope.addHook('onRequest', async (request) => routes.workers.hear(workerOf(request)))
    addSliceRoutes(scope, routes, intake)
    addSourceRoute(scope, routes, budget)
    addImportanceRoute(scope, routes, budget)
    scope.register(async (octets) => addUploadRoute(octets, routes, intake))
  })
}

function unprotected({ host }: ListenAddress): MiberaError {
  return new MiberaError('USAGE', `--listen ${host} would send the token and the model over the network unprotected`, {
    subject: host,
    hint: 'Name a certificate with --tls-cert and --tls-key, or listen on 127.0.0.1.',
  })
}

function cannotListen({ host, port }: ListenAddress, cause: unknown): MiberaError {
  return new MiberaError('IO', `cannot listen on ${host}, port ${port}: ${(cause as Error).message}`, {
    subject: host,
    hint: 'Choose another --listen.',
    cause,
  })
}
