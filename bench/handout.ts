import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { type Delivery, type HandOut, handOut } from '../test/helpers/hand-out.ts'
import { findRedisServer, freePort, redisProcess } from '../test/helpers/redis-server.ts'
import { machine } from './machine.ts'
import { writeResults } from './results.ts'

/**
 * How fast jobs come through Redis to 1, 4 and 16 worker processes and back, and what stands in Redis meanwhile: a plan
 * of 100 000 jobs (1 600 000 slices) that costs no computing. All processes and Redis share this machine's processors.
 *
 * messages: a worker tells the coordinator of a whole job by one message, in place of the network: what the queue,
 * dispatcher and list of work cost. http: the daemon's own listener, with a question and an upload of 110 bytes for
 * each job: the plan is then of as many tensors of one slice.
 */
const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '100000' },
    'http-jobs': { type: 'string', default: '20000' },
    workers: { type: 'string', default: '1,4,16' },
    /** That each worker process says it has. */
    threads: { type: 'string', default: '8' },
  },
})
const jobs: Record<Delivery, number> = { messages: Number(values.jobs), http: Number(values['http-jobs']) }
const threads = Number(values.threads)
const columns = ['workers', 'jobs/s', 'ms/job', 'in Redis', 'keys', 'Redis KiB', 'heap MiB', 'RSS MiB'] as const

const program = await findRedisServer()
if (program === undefined) throw new Error('This bench needs redis-server on the PATH.')
const folder = await mkdtemp(join(tmpdir(), 'mibera-bench-'))
const port = await freePort()
const server = await redisProcess(program, port, folder, [])
const redis = new Redis(port)
try {
  const version = /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1]
  const messages = await runAll('messages')
  const http = await runAll('http')
  await writeResults('handout', { ...machine(), redis: version, threadsPerWorker: threads, messages, http })
} finally {
  redis.disconnect()
  await server.kill()
  await rm(folder, { recursive: true, force: true })
}

async function runAll(delivery: Delivery): Promise<object[]> {
  console.log(`\n${delivery}: ${jobs[delivery]} jobs`)
  console.log(columns.map((name) => name.padStart(12)).join(''))
  const rows: object[] = []
  for (const workers of values.workers.split(',').map(Number)) {
    await redis.flushall()
    rows.push(await run({ redis: `redis://127.0.0.1:${port}`, jobs: jobs[delivery], workers, threads, delivery }))
  }
  return rows
}

async function run(wish: HandOut): Promise<object> {
  const { seconds, processorSeconds, ...rest } = await handOut(wish)
  const jobsPerSecond = Math.round(wish.jobs / seconds)
  const coordinatorMillisecondsPerJob = Number(((1000 * processorSeconds) / wish.jobs).toFixed(3))
  const { greatestDepth, greatestKeys, greatestMemory, heapEarly, heapLate, residentEarly, residentLate } = rest
  const cells = [
    ...[wish.workers, jobsPerSecond, coordinatorMillisecondsPerJob, greatestDepth, greatestKeys],
    Math.round(greatestMemory / 1024),
    `${mebibytes(heapEarly)} → ${mebibytes(heapLate)}`,
    `${mebibytes(residentEarly)} → ${mebibytes(residentLate)}`,
  ]
  console.log(cells.map((cell) => String(cell).padStart(12)).join(''))
  return { workers: wish.workers, jobs: wish.jobs, jobsPerSecond, coordinatorMillisecondsPerJob, ...rest }
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0)
}
