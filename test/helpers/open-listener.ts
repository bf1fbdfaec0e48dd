import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import type { ListenerOptions } from '#dist/daemon/coordinator/listener/listener.js'
import { coordinatorApi, workerHeader } from '#dist/daemon/coordinator/protocol.js'
import { planFormat } from '#dist/plan/fingerprint.js'
import { kernelsDigest } from '#dist/quant/kernels.js'
import { plainListener } from './plain-listener.ts'
import { temporaryFolder } from './temporary-folder.ts'

export const testToken = 'a-token-of-the-tests'

export const goodHandshake = {
  api: coordinatorApi,
  version: 'test',
  planFormat,
  kernels: kernelsDigest(),
  host: 'elsewhere',
  pid: 1234,
  threads: 3,
}

export interface Asked {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  /** Of a refusal. */
  readonly code: string | undefined
}

export interface Asking {
  readonly token?: string | null
  readonly worker?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | object
}

/** A listener in this process, with all that it stands on, and what it wrote in its log. */
export async function openListener(changes: Partial<ListenerOptions> = {}) {
  const folder = await temporaryFolder()
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  const { tokenFile, conversions, workers, listener } = plainListener({ folder, token: testToken, log }, changes)
  const { port } = await listener.start()
  const agent = new Agent({ keepAlive: true })
  onTestFinished(async () => {
    agent.destroy()
    workers.stop()
    await listener.stop()
  })
  const ask = (method: string, path: string, asking: Asking = {}) => askAt({ port, agent }, method, path, asking)
  const join_ = async (changed: object = {}): Promise<string> => {
    const answer = await ask('POST', '/v1/workers', { body: { ...goodHandshake, ...changed } })
    return (JSON.parse(answer.bytes.toString()) as { worker: string }).worker
  }
  return { folder, tokenFile, lines, conversions, workers, listener, port, ask, join: join_ }
}

/** One request. The path goes out as it stands, however odd. */
export function askAt(
  at: { readonly port: number; readonly agent?: Agent },
  method: string,
  path: string,
  { token = testToken, worker, headers = {}, body }: Asking,
): Promise<Asked> {
  const isDocument = typeof body === 'object' && !(body instanceof Uint8Array)
  const sentBody = isDocument ? JSON.stringify(body) : body
  return new Promise((resolve, reject) => {
    const sent = request({
      ...{ host: '127.0.0.1', method, path, ...at },
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(worker === undefined ? {} : { [workerHeader]: worker }),
        ...(isDocument ? { 'content-type': 'application/json' } : {}),
        // Of a body of DELETE, Node says none by itself.
        ...(sentBody === undefined ? {} : { 'content-length': Buffer.byteLength(sentBody) }),
        ...headers,
      },
    })
    sent.on('error', reject)
    sent.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const bytes = Buffer.concat(chunks)
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          bytes,
          code: (response.statusCode ?? 0) < 400 ? undefined : codeIn(bytes),
        })
      })
    })
    sent.end(sentBody)
  })
}

/** `undefined` where HTTP alone has spoken. */
function codeIn(bytes: Buffer): string | undefined {
  return bytes.length === 0 ? undefined : (JSON.parse(bytes.toString()) as { error: { code: string } }).error.code
}
