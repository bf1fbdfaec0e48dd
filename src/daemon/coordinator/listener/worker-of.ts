import type { FastifyRequest } from 'fastify'
import { MiberaError } from '../../../base/errors.ts'
import { workerHeader } from '../protocol.ts'

/**
 * The id that a request carries.
 * @throws MiberaError WORKER_UNKNOWN when it carries none. Whether there is such a worker, the registry knows.
 */
export function workerOf({ headers }: FastifyRequest): string {
  const id = headers[workerHeader]
  if (typeof id === 'string') return id
  throw new MiberaError('WORKER_UNKNOWN', 'the request does not say which worker it comes from', {
    hint: 'A worker shakes hands first.',
  })
}
