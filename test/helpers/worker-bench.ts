import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, onTestFinished } from 'vitest'
import { allSlices, tensorOf } from '#dist/convert/slice-job.js'
import { type QueueJob, queueJobId } from '#dist/jobs/engines/bullmq/queue-job.js'
import { redisAddress } from '#dist/jobs/engines/bullmq/redis-settings.js'
import type { Plan } from '#dist/plan/plan.js'
import { sliceCount, sliceOf } from '#dist/plan/slices.js'
import type { WorkerEvent } from '#dist/worker/events.js'
import { runWorker, type WorkerOptions } from '#dist/worker/worker-process.js'
import type { ModelShape } from '../../fixtures/model-shapes.ts'
import { convertFolder, planFolder } from './convert-folder.ts'
import { FakeCoordinator } from './fake-coordinator.ts'
import { startRedis, type TestRedis } from './redis.ts'
import { smallShape, writeSmallModel } from './small-model.ts'
import { temporaryFolder } from './temporary-folder.ts'

const slicesPerJob = 16

/** A worker in this process, with a real Redis and a coordinator made by hand. */
export interface WorkerBench {
  readonly folder: string
  readonly tokenFile: string
  readonly plan: Plan
  readonly coordinator: FakeCoordinator
  readonly redis: TestRedis
  readonly queue: Queue
  readonly events: WorkerEvent[]
  /** Starts a worker. Settles when it has ended. */
  start(changes?: Partial<WorkerOptions>): Promise<void>
  readonly stop: AbortController
  /** Resolves when an event has come that is as wanted. */
  event(wanted: (event: WorkerEvent) => boolean): Promise<WorkerEvent>
}

export async function workerBench(shape: ModelShape = smallShape): Promise<WorkerBench> {
  const folder = await temporaryFolder()
  await writeSmallModel(join(folder, 'model'), {}, shape)
  const plan = await planFolder(join(folder, 'model'), 'Q4_K_M')
  const coordinator = await FakeCoordinator.start()
  coordinator.plan = plan
  const tokenFile = join(folder, 'token')
  await writeFile(tokenFile, coordinator.token)
  const redis = await startRedis()
  const { queue: name, prefix } = coordinator.welcome
  const connection = new Redis(redis.port, { maxRetriesPerRequest: null })
  connection.on('error', () => {})
  const queue = new Queue(name, { connection, prefix })
  queue.on('error', () => {})
  onTestFinished(() => connection.disconnect())
  const events: WorkerEvent[] = []
  const listeners = new Set<(event: WorkerEvent) => void>()
  const stop = new AbortController()
  const running: Promise<unknown>[] = []
  onTestFinished(async () => {
    stop.abort()
    await Promise.allSettled(running)
  })
  const start = async (changes: Partial<WorkerOptions> = {}) => {
    const run = runWorker({
      redis: await redisAddress({ url: redis.url }),
      coordinator: { origin: coordinator.origin, ca: undefined },
      tokenFile,
      threads: 2,
      maxMemory: 2 ** 30,
      // Shards lie where the coordinator has them: without this a worker of the same machine would read them itself.
      maps: [],
      version: 'test',
      host: 'test',
      stop: stop.signal,
      onEvent: (event) => {
        events.push(event)
        for (const listener of listeners) listener(event)
      },
      ...changes,
    })
    running.push(run)
    return run
  }
  const event = (wanted: (event: WorkerEvent) => boolean) =>
    new Promise<WorkerEvent>((resolve) => {
      const found = events.find(wanted)
      if (found !== undefined) return resolve(found)
      const listener = (next: WorkerEvent) => {
        if (!wanted(next)) return
        listeners.delete(listener)
        resolve(next)
      }
      listeners.add(listener)
    })
  return { folder, tokenFile, plan, coordinator, redis, queue, events, start, stop, event }
}

/** All jobs of the plan, as a coordinator would add them. */
export function jobsOf({ plan, coordinator }: WorkerBench): QueueJob[] {
  return plan.tensors.flatMap((tensor, index) => {
    const slices = sliceCount(tensor)
    return Array.from({ length: Math.ceil(slices / slicesPerJob) }, (_, job) => {
      const firstSlice = job * slicesPerJob
      const left = Math.min(slicesPerJob, slices - firstSlice)
      return { conversion: coordinator.key, tensor: index, firstSlice, slices: left }
    })
  })
}

export async function addJobs(bench: WorkerBench, jobs = jobsOf(bench)): Promise<void> {
  const opts = { attempts: 5, backoff: { type: 'fixed', delay: 200 }, removeOnComplete: true }
  await bench.queue.addBulk(jobs.map((data) => ({ name: 'tensor', data, opts: { ...opts, jobId: queueJobId(data) } })))
}

export function sliceTotal(plan: Plan): number {
  return [...allSlices(plan)].length
}

export async function allTaken({ coordinator, plan }: WorkerBench): Promise<void> {
  const total = sliceTotal(plan)
  await coordinator.until(() => coordinator.taken.size === total)
}

/** Every slice as the coordinator got it is as it stands in the file that this machine makes by itself. */
export async function expectSameAsLocal({
  folder,
  plan,
  coordinator,
}: Pick<WorkerBench, 'folder' | 'plan' | 'coordinator'>): Promise<void> {
  const output = join(folder, 'local.gguf')
  await convertFolder(join(folder, 'model'), 'Q4_K_M', output)
  const file = readFileSync(output)
  for (const id of allSlices(plan)) {
    const { offset, byteLength } = sliceOf(tensorOf(plan, id), id.slice)
    const blocks = coordinator.taken.get(`${id.tensor}/${id.slice}`)
    expect(blocks?.equals(file.subarray(offset, offset + byteLength)), `${id.tensor}/${id.slice}`).toBe(true)
  }
  expect(coordinator.taken.size).toBe(sliceTotal(plan))
}
