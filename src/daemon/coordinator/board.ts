import type { Queue } from 'bullmq'
import type { FastifyInstance } from 'fastify'

/** Below it are Bull Board's pages. */
const boardPath = '/board'

/**
 * Bull Board over a coordinator's queues, for those who know BullMQ. It only shows: what is to be done is decided by
 * the conversions, and a job that were deleted here would be placed again.
 */
export async function addBoard(app: FastifyInstance, queues: () => readonly Queue[]): Promise<void> {
  // Loaded only where it is wanted.
  const [{ createBullBoard }, { BullMQAdapter }, { FastifyAdapter }] = await Promise.all([
    import('@bull-board/api'),
    import('@bull-board/api/bullMQAdapter'),
    import('@bull-board/fastify'),
  ])
  const serverAdapter = new FastifyAdapter().setBasePath(boardPath)
  createBullBoard({
    queues: queues().map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'mibera', hideRedisDetails: true } },
  })
  await app.register(serverAdapter.registerPlugin(), { prefix: boardPath })
}
