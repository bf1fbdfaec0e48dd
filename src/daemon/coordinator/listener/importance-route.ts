import type { FastifyInstance } from 'fastify'
import { namedTensor } from '../lawful-request.ts'
import type { ByteBudget } from '../transfer/byte-budget.ts'
import { goneOf } from '../transfer/gone.ts'
import { sendRange } from '../transfer/send-range.ts'
import { rangeRefused, wantedRange } from './byte-range.ts'
import type { Routes } from './routes.ts'
import { workerOf } from './worker-of.ts'

/** Sent at a time. */
const bufferBytes = 256 * 1024

/** Hands out how much the columns of a tensor count, as f32: of active plans, from memory. */
export function addImportanceRoute(
  app: FastifyInstance,
  { conversions, limits, log }: Routes,
  budget: ByteBudget,
): void {
  app.get('/v1/conversions/:key/importances/:tensor', async (request, reply) => {
    const { tensor } = namedTensor(conversions, request.params)
    const { first, last } = wantedRange(request)
    const values = tensor.importance
    if (values === undefined || first > last || last >= values.byteLength) {
      throw rangeRefused(`${tensor.name} has no importances at bytes ${first} to ${last}`)
    }
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    const source = {
      name: tensor.name,
      size: bytes.length,
      read: async (target: Uint8Array, position: number) => {
        target.set(bytes.subarray(position, position + target.length))
      },
      close: async () => {},
    }
    const gone = goneOf(reply.raw, limits.turnMilliseconds)
    await budget.use({ holder: workerOf(request), bytes: bufferBytes, gone }, async () => {
      reply.hijack()
      const length = last - first + 1
      reply.raw.writeHead(206, {
        'content-type': 'application/octet-stream',
        'content-length': length,
        'content-range': `bytes ${first}-${last}/${bytes.length}`,
      })
      try {
        const buffer = new Uint8Array(Math.min(bufferBytes, length))
        await sendRange(reply.raw, source, { position: first, length, buffer, still: limits.stillMilliseconds })
      } catch (error) {
        log.debug({ err: error, tensor: tensor.name }, 'importances were not sent to their end')
        reply.raw.destroy()
      }
    })
    return reply
  })
}
