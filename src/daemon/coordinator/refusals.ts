import type { ServerResponse } from 'node:http'
import { type ErrorCode, errorCodes, exitStatus } from '../../base/error-codes.ts'
import { MiberaError } from '../../base/errors.ts'
import { errorDocument } from '../error-document.ts'

/** HTTP's own word for the codes that have one. */
const statuses: Partial<Record<ErrorCode, number>> = {
  TOKEN_REFUSED: 401,
  WORKER_QUARANTINED: 403,
  WORKER_UNKNOWN: 404,
  WORKER_VERSION: 409,
  CONVERSION_INACTIVE: 410,
  RANGE_REFUSED: 416,
  SLICE_REFUSED: 422,
  TOO_MANY_REQUESTS: 429,
}

/** A request that was refused: what is answered, and with which HTTP status. */
export interface Refusal {
  readonly status: number
  readonly error: MiberaError
}

/** A mistake of the request itself, with the status that HTTP has for it. */
export class RequestError extends Error {
  readonly refusal: Refusal

  constructor(status: number, error: MiberaError) {
    super(error.message)
    this.refusal = { status, error }
  }
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof RequestError) return error.refusal
  if (error instanceof MiberaError) return { status: statusOf(error.code), error }
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  // Fastify's own refusals are the caller's mistakes. What broke here is told in the log, not to the caller.
  if (status >= 400 && status < 500) return { status, error: new MiberaError('USAGE', (error as Error).message) }
  return { status: 500, error: new MiberaError('INTERNAL', 'the coordinator failed at this request', { cause: error }) }
}

function statusOf(code: ErrorCode): number {
  const known = statuses[code]
  if (known !== undefined) return known
  const { exit } = errorCodes[code]
  if (exit === exitStatus.usage) return 400
  // A source that is no longer what was planned stays so: asking again does not help. The rest (a full disk, a drive
  // that is away) is trouble of this machine that may pass.
  return exit === exitStatus.input ? 409 : 503
}

/** The document that a refusal is told with. */
export function refusalDocument({ error }: Refusal): string {
  return `${JSON.stringify(errorDocument(error))}\n`
}

export function refusalHeaders({ status }: Refusal): Record<string, string> {
  return {
    'content-type': 'application/json',
    ...(status === 401 ? { 'www-authenticate': 'Bearer, Basic realm="mibera"' } : {}),
    ...(status === 429 ? { 'retry-after': '1' } : {}),
  }
}

/** Answers with a refusal where no framework does. */
export function sendRefusal(response: ServerResponse, refusal: Refusal): void {
  const document = refusalDocument(refusal)
  response.writeHead(refusal.status, { ...refusalHeaders(refusal), 'content-length': Buffer.byteLength(document) })
  response.end(document)
}
