import type { FastifyInstance } from 'fastify'
import { lawfulDocument, namedConversion, namedJob, namedSlice } from '../lawful-request.ts'
import { madeSchema, refusalSchema } from '../protocol.ts'
import type { SliceIntake } from '../transfer/slice-intake.ts'
import type { Routes } from './routes.ts'
import { workerOf } from './worker-of.ts'

/** What a worker asks and tells in JSON: plans, what is wanted, slices left in a shared folder, and those it cannot make. */
export function addSliceRoutes(app: FastifyInstance, routes: Routes, intake: SliceIntake): void {
  const { conversions, workers } = routes

  app.get('/v1/conversions/:key', ({ params }, reply) => {
    const { document } = namedConversion(conversions, params)
    return reply.type('application/json').send(document)
  })

  app.get('/v1/conversions/:key/wanted/:tensor/:firstSlice/:slices', ({ params }) => {
    const { active, job } = namedJob(conversions, params)
    return { slices: active.conversion.wanted(job) }
  })

  app.post('/v1/conversions/:key/slices/:tensor/:slice/spooled', (request, reply) => {
    const named = namedSlice(conversions, request.params)
    const made = lawfulDocument(madeSchema, request.body)
    return intake.spooled({ worker: workerOf(request), named, made, response: reply.raw })
  })

  app.post('/v1/conversions/:key/slices/:tensor/:slice/refusal', (request, reply) => {
    const { active, id } = namedSlice(conversions, request.params)
    lawfulDocument(refusalSchema, request.body)
    const worker = workerOf(request)
    active.conversion.makeHere(id, () => workers.strike(worker, 'it could not make a slice that nothing is wrong with'))
    return reply.code(204).send()
  })
}
