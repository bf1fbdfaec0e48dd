import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { ConversionDesk } from '#dist/convert/conversion-desk.js'
import type { Engine, SliceRange } from '#dist/convert/engine.js'
import { runSlices } from '#dist/convert/run-slices.js'
import { allSlices } from '#dist/convert/slice-job.js'
import { WorkList } from '#dist/convert/work-list.js'
import type { WorkerPool } from '#dist/convert/worker-pool.js'
import { lookAhead } from '#dist/daemon/coordinator/look-ahead.js'
import { BullmqLink } from '#dist/jobs/engines/bullmq/link.js'
import { redisAddress } from '#dist/jobs/engines/bullmq/redis-settings.js'
import type { PlannedTensor } from '#dist/plan/plan.js'
import { sliceOf } from '#dist/plan/slices.js'
import { median } from '../../bench/median.ts'
import { openEntrance } from './entrance.ts'
import { type CoordinatorFigures, childLine, type HandOut, handOutNames } from './hand-out.ts'
import type { WorkerOrders } from './hand-out-worker.ts'
import { largePlan } from './large-plan.ts'

/**
 * A coordinator without files: plan, list of work, dispatcher, desk, engine and Redis are the real ones; the disk and
 * the kernels are not there, and a slice that came is right.
 */
const options = JSON.parse(process.argv[2] ?? '') as HandOut
const { jobs, workers, threads, delivery } = options

/** Of one tensor, so that the plan has some tensors, as a real one. */
const jobsPerTensor = 1000
const slicesPerJob = 16
const plan =
  delivery === 'messages'
    ? largePlan({ tensors: Math.ceil(jobs / jobsPerTensor), rows: Math.min(jobs, jobsPerTensor) * 4096, columns: 4096 })
    : largePlan({ tensors: jobs, rows: 1, columns: 256 })
const slices = delivery === 'messages' ? jobs * slicesPerJob : jobs
const ahead = lookAhead(threads * workers)

const work = new WorkList(plan, allSlices(plan))
const heap: number[] = []
const resident: number[] = []
const blocks = new Uint8Array(sliceOf(plan.tensors[0] as PlannedTensor, 0).byteLength)
const made = { checksum: new Uint8Array(32), squaredError: 0, energy: 1, compared: 1, milliseconds: 1 }
let accepted = 0
let madeHere = 0

const desk = new ConversionDesk({
  conversion: 1,
  plan,
  part: '/nowhere/out.gguf.part',
  parts: { write: async () => {} },
  work,
  pool: { run: async () => ({ same: true }) } as unknown as WorkerPool,
  retake: () => 0,
  accept: (id) => {
    work.done(id)
    accepted++
    if (accepted % Math.floor(slices / 10) === 0) heap.push(heapInUse())
  },
})
const here: Engine = {
  name: 'local',
  capacity: 1,
  onCapacity: () => () => {},
  run: async ({ tensor, firstSlice }) => {
    madeHere++
    work.done({ tensor, slice: firstSlice })
  },
  close: async () => {},
}
const link = new BullmqLink({
  redis: await redisAddress({ url: options.redis }),
  ...handOutNames,
  lookAhead: () => ahead,
  log: { info: () => {}, warn: (fields, message) => console.error(message, fields) },
})
link.start()
const remote = link.engine(desk)
const open = delivery === 'http' ? await openEntrance(desk) : undefined
const children = Array.from({ length: workers }, () => startWorker())
await Promise.all(children.map(({ ready }) => ready))

const timer = setInterval(() => resident.push(process.memoryUsage.rss()), 50)
const processor = process.cpuUsage()
const begun = performance.now()
await runSlices({ plan, work, onEvent: () => {}, stop: new AbortController().signal }, [
  { engine: here, next: () => asJob(work.takeForHere()) },
  { engine: remote, next: () => work.takeElsewhere() },
])
const seconds = (performance.now() - begun) / 1000
const { user, system } = process.cpuUsage(processor)
clearInterval(timer)

const figures: CoordinatorFigures = {
  seconds,
  slices,
  lookAhead: ahead,
  madeHere,
  processorSeconds: (user + system) / 1e6,
  residentEarly: median(tenth(resident, 1)),
  residentLate: median(tenth(resident, 9)),
  heapEarly: heap[1] ?? Number.NaN,
  heapLate: heap[9] ?? Number.NaN,
}
await remote.close()
await desk.close()
// What is in hand is finished first; a job's own end is no longer of interest to anybody.
await Promise.all(children.map(({ child }) => end(child)))
await link.stop()
await open?.stop()
console.log(JSON.stringify(figures))

function startWorker(): { child: ChildProcess; ready: Promise<unknown> } {
  const told: WorkerOrders = { ...options, conversion: desk.key, entrance: open?.entrance }
  const child = spawn(process.execPath, childLine('./hand-out-worker.ts', [JSON.stringify(told)]), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ready = Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error('a worker ended at its start'))),
  ])
  const listen = () => child.on('message', (job: SliceRange & { ticket: number }) => void answer(child, job))
  ready.then(listen, () => {})
  return { child, ready }
}

/** Takes whatever is wanted of a job, as if its blocks had come. */
async function answer(child: ChildProcess, { ticket, ...job }: SliceRange & { ticket: number }): Promise<void> {
  for (const id of desk.wanted(job)) await desk.take(id, blocks, made, 'sample')
  child.send({ ticket })
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.send({ end: true })
  await gone
}

function heapInUse(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

function tenth(samples: readonly number[], index: number): number[] {
  return samples.slice(Math.floor((samples.length * index) / 10), Math.ceil((samples.length * (index + 1)) / 10))
}

function asJob(id: { tensor: number; slice: number } | undefined): SliceRange | undefined {
  return id === undefined ? undefined : { tensor: id.tensor, firstSlice: id.slice, slices: 1 }
}
