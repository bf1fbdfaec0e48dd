import { randomUUID } from 'node:crypto'
import { Worker } from 'bullmq'
import { onTestFinished } from 'vitest'
import { BullmqLink, type LinkOptions } from '#dist/jobs/engines/bullmq/link.js'
import type { QueueJob } from '#dist/jobs/engines/bullmq/queue-job.js'
import { queueNames } from '#dist/jobs/engines/bullmq/queue-names.js'
import { workerClient } from '#dist/jobs/engines/bullmq/redis-client.js'
import { redisAddress } from '#dist/jobs/engines/bullmq/redis-settings.js'

export interface LogLine {
  readonly level: 'info' | 'warn'
  readonly fields: object
  readonly message: string
}

export interface TestLink {
  readonly link: BullmqLink
  readonly lines: LogLine[]
  readonly url: string
  readonly prefix: string
  readonly id: string
}

/** A link that is stopped after the running test. */
export async function testLink(url: string, changes: Partial<LinkOptions> = {}): Promise<TestLink> {
  const lines: LogLine[] = []
  const prefix = changes.prefix ?? `mibera-test-${randomUUID()}`
  const id = changes.id ?? 'test'
  const link = new BullmqLink({
    redis: await redisAddress({ url }),
    prefix,
    id,
    lookAhead: () => 100,
    log: {
      info: (fields, message) => void lines.push({ level: 'info', fields, message }),
      warn: (fields, message) => void lines.push({ level: 'warn', fields, message }),
    },
    ...changes,
  })
  onTestFinished(() => link.stop())
  return { link, lines, url, prefix, id }
}

/** A link that was started, and is in a state. Stopped after the running test. */
export async function startedLink(
  url: string,
  kind: BullmqLink['state']['kind'],
  changes: Partial<LinkOptions> = {},
): Promise<TestLink> {
  const tested = await testLink(url, changes)
  tested.link.start()
  await linkIs(tested.link, kind)
  return tested
}

/** Resolves when the link is in a state. */
export function linkIs(link: BullmqLink, kind: BullmqLink['state']['kind']): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (link.state.kind !== kind) return
      quiet()
      resolve()
    }
    const quiet = link.onCapacity(look)
    look()
  })
}

/** A plain BullMQ Worker on a link's queue, as on another machine. Closed after the running test. */
export async function plainWorker(
  { url, prefix, id }: Pick<TestLink, 'url' | 'prefix' | 'id'>,
  work: (job: QueueJob) => Promise<void>,
  changes: { readonly concurrency?: number; readonly lockDuration?: number } = {},
): Promise<Worker<QueueJob>> {
  const connection = workerClient(await redisAddress({ url }), () => {})
  const worker = new Worker<QueueJob>(queueNames(id).tensors, ({ data }) => work(data), {
    connection,
    prefix,
    skipVersionCheck: true,
    maxStalledCount: 1_000_000,
    lockDuration: 2000,
    stalledInterval: 1000,
    removeOnComplete: { count: 0 },
    ...changes,
  })
  worker.on('error', () => {})
  onTestFinished(async () => {
    await worker.close(true)
    connection.disconnect()
  })
  return worker
}
