import type { FastifyInstance } from 'fastify'
import { lawfulDocument, namedSlice } from '../lawful-request.ts'
import { madeHeader, madeSchema } from '../protocol.ts'
import type { SliceIntake } from '../transfer/slice-intake.ts'
import type { Routes } from './routes.ts'
import { workerOf } from './worker-of.ts'

/** Takes the blocks of slices. Its bodies are octets, and read by nobody before it is known how many may come. */
export function addUploadRoute(app: FastifyInstance, { conversions }: Routes, intake: SliceIntake): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/octet-stream', (_, __, parsed) => parsed(null))

  app.put('/v1/conversions/:key/slices/:tensor/:slice', (request, reply) => {
    const named = namedSlice(conversions, request.params)
    const made = lawfulDocument(madeSchema, parsedHeader(request.headers[madeHeader]))
    return intake.uploaded({ worker: workerOf(request), named, made, response: reply.raw }, request.raw)
  })
}

function parsedHeader(value: string | string[] | undefined): unknown {
  try {
    return typeof value === 'string' ? JSON.parse(value) : undefined
  } catch {
    return undefined
  }
}
