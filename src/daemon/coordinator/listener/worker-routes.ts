import type { FastifyInstance, FastifyRequest } from 'fastify'
import * as z from 'zod'
import { MiberaError } from '../../../base/errors.ts'
import { planFormat } from '../../../plan/fingerprint.ts'
import { kernelsDigest } from '../../../quant/kernels.ts'
import { lawfulDocument } from '../lawful-request.ts'
import { coordinatorApi, type Handshake, handshakeSchema, heartbeatSchema, type Welcome } from '../protocol.ts'
import { addressGroup } from './address-group.ts'
import type { Routes } from './routes.ts'
import { workerOf } from './worker-of.ts'

/** What is read of a handshake before the rest of it is known to be of this version. */
const anyHandshake = z.looseObject({ api: z.number() })

/** Handshake, heartbeats and farewell. */
export function addWorkerRoutes(app: FastifyInstance, { workers, version, welcome }: Routes): void {
  const kernels = kernelsDigest()

  app.post('/v1/workers', ({ body, socket }): Welcome => {
    const { api } = lawfulDocument(anyHandshake, body)
    requireSame('the protocol', coordinatorApi, api)
    const handshake: Handshake = lawfulDocument(handshakeSchema, body)
    requireSame('mibera', version, handshake.version)
    requireSame('the plan format', planFormat, handshake.planFormat)
    requireSame('the digest of the kernels', kernels, handshake.kernels)
    const worker = workers.join(handshake, addressGroup(socket.remoteAddress))
    return { worker, ...welcome, heartbeatMilliseconds: workers.heartbeatMilliseconds }
  })

  app.put('/v1/workers/:worker', (request, reply) => {
    workers.beat(ownId(request), lawfulDocument(heartbeatSchema, request.body))
    return reply.code(204).send()
  })

  app.delete('/v1/workers/:worker', (request, reply) => {
    workers.leave(ownId(request))
    return reply.code(204).send()
  })
}

/** A worker speaks for itself only. */
function ownId(request: FastifyRequest): string {
  const id = workerOf(request)
  const { worker } = request.params as { readonly worker?: string }
  if (worker === id) return id
  throw new MiberaError('WORKER_UNKNOWN', 'the request comes from another worker than the one it is about')
}

function requireSame(what: string, here: string | number, there: string | number): void {
  if (here === there) return
  throw new MiberaError(
    'WORKER_VERSION',
    `${what} is ${short(there)} at the worker, and ${short(here)} at the daemon`,
    { hint: 'Install the same release of mibera on both machines.' },
  )
}

/** The beginning of a digest tells it from another. */
function short(value: string | number): string {
  return value.toString().slice(0, 20)
}
