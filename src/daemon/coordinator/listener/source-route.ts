import type { FastifyInstance, FastifyReply } from 'fastify'
import { MiberaError } from '../../../base/errors.ts'
import { openLocalFile } from '../../../disk/local-file.ts'
import type { PlanSource } from '../../../plan/plan.ts'
import { namedSource } from '../lawful-request.ts'
import { BufferShelf } from '../transfer/buffer-shelf.ts'
import type { ByteBudget } from '../transfer/byte-budget.ts'
import { goneOf } from '../transfer/gone.ts'
import { sendRange } from '../transfer/send-range.ts'
import { rangeRefused, wantedRange } from './byte-range.ts'
import type { Routes } from './routes.ts'
import { workerOf } from './worker-of.ts'

/** Read and sent at a time. */
const bufferBytes = 256 * 1024

/** Hands out the bytes of tensors in active plans: of files that the plan names, never of one that a request names. */
export function addSourceRoute(app: FastifyInstance, routes: Routes, budget: ByteBudget): void {
  const shelf = new BufferShelf(routes.limits.sent / 4)
  app.get('/v1/conversions/:key/sources/:source', async (request, reply) => {
    const { active, source, planned } = namedSource(routes.conversions, request.params)
    const { first, last } = wantedRange(request)
    if (!active.ranges.covers(source, first, last)) {
      throw rangeRefused(`bytes ${first} to ${last} of ${planned.name} are not all of tensors`)
    }
    const gone = goneOf(reply.raw, routes.limits.turnMilliseconds)
    const held = { holder: workerOf(request), bytes: bufferBytes, gone }
    await budget.use(held, () => send(routes, reply, { planned, first, last }, shelf))
    return reply
  })
}

async function send(
  { limits, log }: Routes,
  reply: FastifyReply,
  { planned, first, last }: { readonly planned: PlanSource; readonly first: number; readonly last: number },
  shelf: BufferShelf,
): Promise<void> {
  const file = await openLocalFile(planned.path)
  const buffer = shelf.take(bufferBytes)
  const length = last - first + 1
  try {
    if (file.size !== planned.size || file.modifiedMs !== Math.floor(planned.modifiedMs)) throw changed(planned)
    reply.hijack()
    reply.raw.writeHead(206, {
      'content-type': 'application/octet-stream',
      'content-length': length,
      'content-range': `bytes ${first}-${last}/${planned.size}`,
    })
    await sendRange(reply.raw, file, { position: first, length, buffer, still: limits.stillMilliseconds })
  } catch (error) {
    if (!reply.raw.headersSent) throw error
    // Too late to say so: an answer that ends early is one that broke off.
    log.debug({ err: error, source: planned.name }, 'source bytes were not sent to their end')
    reply.raw.destroy()
  } finally {
    shelf.putBack(buffer)
    await file.close()
  }
}

function changed({ name, path }: PlanSource): MiberaError {
  return new MiberaError('SHARD_CHANGED', `${name} is no longer the file that the plan was made of`, { subject: path })
}
