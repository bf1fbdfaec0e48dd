/**
 * How many weights per second a coordinator and its workers make: the least of what each part of them can do. docs/
 * scaling.md explains each line. Times are of the coordinator's event loop unless said otherwise.
 */

/** How bytes get from the sources to a worker, and blocks back. */
export const ways = ['all over HTTPS', 'sources shared', 'all shared'] as const
export type Way = (typeof ways)[number]

export interface Constants {
  readonly jobMs: number
  readonly requestMs: number
  /** For {@link rangeBytes}. */
  readonly range: { readonly http: number; readonly https: number }
  /** For a slice of `sliceBytes`. */
  readonly slice: { readonly http: number; readonly https: number; readonly shared: number }
  readonly sliceBytes: number
  /** What a slice takes of other threads of the coordinator. */
  readonly otherThreadsMs: number
  readonly batch: {
    readonly bytes: number
    readonly slices: number
    readonly syncMilliseconds: number
    readonly commitMilliseconds: number
  }
  rate(recipe: string): { readonly weightsPerSecond: number; readonly bitsPerWeight: number }
}

export interface Place {
  readonly recipe: string
  readonly dtype: 'F32' | 'BF16'
  /** Of every machine's network, each way. */
  readonly gigabit: number
  readonly workers: number
}

/** Weights per second, and what limits them: a letter. */
export interface Limit {
  readonly limit: number
  /** c: the workers' computing, n: the coordinator's network, w: a worker's network, e: the event loop, d: the disk. */
  readonly by: 'c' | 'n' | 'w' | 'e' | 'd'
}

export const threadsPerWorker = 8
const sliceWeights = 2 ** 20
const slicesPerJob = 16
const rangeBytes = 4 * 2 ** 20
const heartbeatsPerSecond = 0.5

interface Run {
  readonly coordinatorMillisecondsPerJob: number
}
interface Phase {
  readonly loopMillisecondsEach: number
  readonly processorMillisecondsEach: number
  readonly bytesEach: number
}

export function constantsOf(
  handout: { readonly messages: readonly Run[]; readonly http: readonly Run[] },
  coordinator: Record<string, Phase> & {
    readonly batch: Constants['batch']
    readonly threadRates: Record<string, ReturnType<Constants['rate']>>
  },
): Constants {
  const least = (runs: readonly Run[]) => Math.min(...runs.map((run) => run.coordinatorMillisecondsPerJob))
  const phase = (name: string): Phase => {
    const found = coordinator[name]
    if (found === undefined) throw new Error(`bench/results/coordinator.json has no "${name}"`)
    return found
  }
  const jobMs = least(handout.messages)
  const uploads = phase('https/uploads')
  return {
    jobMs,
    // A job with the listener is one question and one upload of hardly a byte more than the same job without it.
    requestMs: (least(handout.http) - jobMs) / 2,
    range: {
      http: phase('http/ranges').loopMillisecondsEach,
      https: phase('https/ranges').loopMillisecondsEach,
    },
    slice: {
      http: phase('http/uploads').loopMillisecondsEach,
      https: uploads.loopMillisecondsEach,
      shared: phase('shared/spool').loopMillisecondsEach,
    },
    sliceBytes: uploads.bytesEach,
    otherThreadsMs: uploads.processorMillisecondsEach - uploads.loopMillisecondsEach,
    batch: coordinator.batch,
    rate(recipe) {
      const found = coordinator.threadRates[recipe]
      if (found === undefined) throw new Error(`bench/results/coordinator.json has no rate of ${recipe}`)
      return found
    },
  }
}

/** What the workers together can do, with what they all depend on. */
export function places(c: Constants, place: Place, way: Way): Limit {
  return least([...ofWorkers(c, place), ...ofCoordinator(c, place, way)])
}

/** What the coordinator can do, however many there are. */
export function crossover(c: Constants, place: Place, way: Way): Limit {
  return least(ofCoordinator(c, place, way))
}

function ofWorkers(c: Constants, { recipe, dtype, gigabit, workers }: Place): Limit[] {
  const threads = workers * threadsPerWorker
  return [
    { limit: threads * c.rate(recipe).weightsPerSecond, by: 'c' },
    { limit: (workers * bytesPerSecond(gigabit)) / sourceBytes(dtype), by: 'w' },
  ]
}

function ofCoordinator(c: Constants, { recipe, dtype, gigabit, workers }: Place, way: Way): Limit[] {
  const network = bytesPerSecond(gigabit)
  const blocks = c.rate(recipe).bitsPerWeight / 8
  const loopMs = 1000 * (1 - Math.min(0.99, (workers * heartbeatsPerSecond * c.requestMs) / 1000))
  const { bytes, syncMilliseconds, commitMilliseconds } = c.batch
  return [
    { limit: network / (way === 'all over HTTPS' ? Math.max(sourceBytes(dtype), blocks) : blocks), by: 'n' },
    { limit: (sliceWeights * loopMs) / sliceMs(c, { recipe, dtype }, way), by: 'e' },
    { limit: (1000 * bytes) / (syncMilliseconds + commitMilliseconds) / blocks, by: 'd' },
  ]
}

/** Of the event loop, for a slice from beginning to end. */
function sliceMs(c: Constants, { recipe, dtype }: Pick<Place, 'recipe' | 'dtype'>, way: Way): number {
  const bytes = (sliceWeights * c.rate(recipe).bitsPerWeight) / 8
  const measured = way === 'all shared' ? c.slice.shared : c.slice.https
  const delivery = c.requestMs + ((measured - c.requestMs) * bytes) / c.sliceBytes
  const source = way === 'all over HTTPS' ? (c.range.https * sliceWeights * sourceBytes(dtype)) / rangeBytes : 0
  const perJob = c.jobMs + c.requestMs
  const bookmark = c.batch.commitMilliseconds / c.batch.slices
  return source + delivery + perJob / slicesPerJob + bookmark
}

function sourceBytes(dtype: Place['dtype']): number {
  return dtype === 'F32' ? 4 : 2
}

/** TCP and TLS leave about this much of a network for contents. */
const useful = 0.94

function bytesPerSecond(gigabit: number): number {
  return (useful * gigabit * 1e9) / 8
}

function least(limits: readonly Limit[]): Limit {
  return limits.reduce((low, other) => (other.limit < low.limit ? other : low))
}
