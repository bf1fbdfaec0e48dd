import type { QuantizeTarget } from '#dist/convert/protocol.js'
import { wantedSchema } from '#dist/daemon/coordinator/protocol.js'
import { rowBytes } from '#dist/formats/ggml/block-types.js'
import type { QueueJob } from '#dist/jobs/engines/bullmq/queue-job.js'
import { queueNames } from '#dist/jobs/engines/bullmq/queue-names.js'
import { redisAddress } from '#dist/jobs/engines/bullmq/redis-settings.js'
import { JobConsumer } from '#dist/worker/job-consumer.js'
import { UploadSink } from '#dist/worker/upload-sink.js'
import { type Entrance, enter } from './entrance.ts'
import { type HandOut, handOutNames } from './hand-out.ts'

/**
 * A worker that makes nothing: it takes jobs as a real one does, says so to the coordinator, and is done. The process
 * that started it says when it is to end.
 */
export interface WorkerOrders extends HandOut {
  readonly conversion: string
  /** Of the listener; without it, the process that started this one is told of each job. */
  readonly entrance?: Entrance | undefined
}

const orders = JSON.parse(process.argv[2] ?? '') as WorkerOrders
/** The one slice of each tensor where there is a listener. */
const smallSlice = new Uint8Array(rowBytes('Q3_K', 256))
const tickets = new Map<number, () => void>()
let nextTicket = 0

const deliver = orders.entrance === undefined ? byMessage : await byHttp(orders.entrance)
const { prefix, id } = handOutNames
let isThere = () => {}
const there = new Promise<void>((resolve) => {
  isThere = resolve
})
const consumer = new JobConsumer({
  redis: await redisAddress({ url: orders.redis }),
  welcome: { queue: queueNames(id).tensors, prefix, lockMilliseconds: 30_000 },
  name: `bench ${process.pid}`,
  work: async (job) => {
    await deliver(job)
    return 'over'
  },
  onTrouble: (error) => console.error(error.message),
  onThere: () => isThere(),
})
process.on('message', (message: { ticket: number } | { end: true }) => {
  if ('end' in message) void end()
  else tickets.get(message.ticket)?.()
})
// Whoever started it is dead.
process.on('disconnect', () => process.exit(1))
await there
process.send?.({ ready: true })

function byMessage({ tensor, firstSlice, slices }: QueueJob): Promise<void> {
  const ticket = nextTicket++
  return new Promise((resolve) => {
    tickets.set(ticket, () => {
      tickets.delete(ticket)
      resolve()
    })
    process.send?.({ ticket, tensor, firstSlice, slices })
  })
}

/** Asks what is wanted of a job, and uploads each slice of it: bytes of the right length and digest. */
async function byHttp(entrance: Entrance): Promise<(job: QueueJob) => Promise<void>> {
  const { client } = await enter(entrance, orders.threads)
  const sink = new UploadSink(client, orders.conversion)
  const made = { checksum: new Uint8Array(64), squaredError: 0, energy: 1, compared: 1, milliseconds: 1 }
  return async ({ tensor, firstSlice, slices }) => {
    const path = `/v1/conversions/${orders.conversion}/wanted/${tensor}/${firstSlice}/${slices}`
    const { slices: wanted } = await client.ask({ method: 'GET', path }, wantedSchema)
    for (const id of wanted) await sink.put({ id } as QuantizeTarget, smallSlice, made)
  }
}

async function end(): Promise<void> {
  await consumer.close()
  process.exit()
}
