import { createHash, randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { remotePlan } from '#dist/daemon/coordinator/conversions/remote-plan.js'
import type { Heartbeat, RemotePlan, Welcome } from '#dist/daemon/coordinator/protocol.js'
import type { Plan } from '#dist/plan/plan.js'
import { sliceOf } from '#dist/plan/slices.js'

export interface FakeRequest {
  readonly method: string
  readonly path: string
  readonly token: string | undefined
  readonly worker: string | undefined
  readonly range: string | undefined
  readonly body: Buffer
}

/** What is answered instead of the usual; `undefined`: the usual. "cut" breaks the connection off, half-way if it can. */
export type Disturbance =
  | { readonly status: number; readonly code: string; readonly retryAfter?: number }
  | 'cut'
  | 'hang'

/** A coordinator made by hand for tests of the worker alone: it takes every slice whose digest is right, once. */
export class FakeCoordinator {
  readonly origin: string
  readonly requests: FakeRequest[] = []
  readonly heartbeats: Heartbeat[] = []
  /** Blocks taken, by "tensor/slice". */
  readonly taken = new Map<string, Buffer>()
  readonly refusals: string[] = []
  late = 0
  token = 'secret-of-the-test'
  welcome: Omit<Welcome, 'worker'> = {
    queue: 'tensors-test',
    prefix: 'test',
    lockMilliseconds: 3000,
    heartbeatMilliseconds: 200,
  }
  spool: RemotePlan['spool'] = null
  plan: Plan | undefined
  readonly key = '1-0123456789abcdef'
  /** Ids given to workers that are known. */
  readonly workers = new Set<string>()
  disturb: (request: FakeRequest) => Disturbance | undefined | Promise<undefined> = () => undefined
  readonly #server
  readonly #listeners = new Set<() => void>()

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (request, response) => void this.#answer(request, response))
  }

  static async start(port = 0): Promise<FakeCoordinator> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    const coordinator = new FakeCoordinator(server)
    onTestFinished(() => coordinator.stop())
    return coordinator
  }

  get port(): number {
    return Number(new URL(this.origin).port)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Resolves when something asked for holds; looked at after each request. */
  async until(condition: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!condition()) return
        this.#listeners.delete(look)
        resolve()
      }
      this.#listeners.add(look)
      look()
    })
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of message) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    const request: FakeRequest = {
      method: message.method ?? '',
      path: message.url ?? '',
      token: message.headers.authorization?.replace('Bearer ', ''),
      worker: message.headers['x-mibera-worker'] as string | undefined,
      range: message.headers.range,
      body: Buffer.concat(chunks),
    }
    this.requests.push(request)
    await this.#respond(request, message, response)
    for (const look of this.#listeners) look()
  }

  async #respond(request: FakeRequest, message: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (status: number, code: string, headers: Record<string, string> = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(JSON.stringify({ error: { code, message: `refused with ${code}`, hint: null, retry: false } }))
    }
    const json = (document: unknown) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(document))
    }
    const disturbance = await this.disturb(request)
    if (disturbance === 'hang') return
    const [start, end] = (/^bytes=(\d+)-(\d+)$/.exec(request.range ?? '') ?? []).slice(1).map(Number)
    if (disturbance === 'cut' && start === undefined) return void message.socket.destroy()
    if (disturbance !== undefined && disturbance !== 'cut') {
      const { status, code, retryAfter } = disturbance
      return refuse(status, code, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) })
    }
    if (request.token !== this.token) return refuse(401, 'TOKEN_REFUSED')
    if (request.method === 'POST' && request.path === '/v1/workers') {
      const worker = randomUUID()
      this.workers.add(worker)
      return json({ ...this.welcome, worker })
    }
    if (!this.workers.has(request.worker ?? '')) return refuse(404, 'WORKER_UNKNOWN')
    if (request.path.startsWith('/v1/workers/')) {
      if (request.method === 'PUT') this.heartbeats.push(JSON.parse(request.body.toString()) as Heartbeat)
      else this.workers.delete(request.worker ?? '')
      response.writeHead(204).end()
      return
    }
    const { plan } = this
    const [, rest] = new RegExp(`^/v1/conversions/${this.key}(/.*)?$`).exec(request.path) ?? []
    if (plan === undefined || !request.path.startsWith(`/v1/conversions/${this.key}`)) {
      return refuse(410, 'CONVERSION_INACTIVE')
    }
    if (rest === undefined) return json(remotePlan(this.key, plan, this.spool))
    const [, kind = '', first = '', second = '', third = ''] = rest.split('/')
    if (kind === 'sources') {
      const path = plan.sources[Number(first)]?.path ?? ''
      const bytes = await readRange(path, start ?? 0, (end ?? 0) + 1)
      response.writeHead(206, { 'content-length': bytes.length })
      if (disturbance !== 'cut') return void response.end(bytes)
      response.write(bytes.subarray(0, bytes.length >> 1), () => message.socket.destroy())
      return
    }
    if (kind === 'wanted') {
      const tensor = Number(first)
      const slices = Array.from({ length: Number(third) }, (_, index) => ({ tensor, slice: Number(second) + index }))
      return json({ slices: slices.filter(({ slice }) => !this.taken.has(`${tensor}/${slice}`)) })
    }
    const id = `${first}/${second}`
    if (third === 'refusal') {
      this.refusals.push(id)
      response.writeHead(204).end()
      return
    }
    const blocks = third === 'spooled' ? await this.#spooled(first, second, request) : request.body
    const made = JSON.parse(
      third === 'spooled' ? request.body.toString() : String(message.headers['x-mibera-made']),
    ) as { sha256: string }
    const tensor = plan.tensors[Number(first)]
    if (tensor === undefined) throw new Error(`no tensor ${first}`)
    if (blocks.length !== sliceOf(tensor, Number(second)).byteLength) return refuse(413, 'SLICE_REFUSED')
    if (createHash('sha256').update(blocks).digest('hex') !== made.sha256) return refuse(422, 'SLICE_REFUSED')
    const late = this.taken.has(id)
    if (late) this.late++
    else this.taken.set(id, blocks)
    json({ taken: late ? 'late' : 'accepted' })
  }

  async #spooled(tensor: string, slice: string, { worker }: FakeRequest): Promise<Buffer> {
    const path = `${this.spool?.folder}/${tensor}-${slice}-${worker}.blocks`
    const file = await open(path)
    const { size } = await file.stat()
    await file.close()
    return readRange(path, 0, size)
  }
}

async function readRange(path: string, start: number, end: number): Promise<Buffer> {
  const file = await open(path)
  try {
    const bytes = Buffer.alloc(end - start)
    await file.read(bytes, 0, bytes.length, start)
    return bytes
  } finally {
    await file.close()
  }
}
