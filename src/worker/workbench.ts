import type { BufferRoom, Job, JobResults } from '../convert/protocol.ts'
import { requireKernels } from '../convert/require-kernels.ts'
import { startThread } from '../convert/spare-threads.ts'
import { bufferRoom, threadsWithin } from '../convert/thread-budget.ts'
import type { ThreadLimit } from '../convert/thread-limit.ts'
import { WorkerPool } from '../convert/worker-pool.ts'
import { remotePlanSchema } from '../daemon/coordinator/protocol.ts'
import type { Plan } from '../plan/plan.ts'
import type { CoordinatorClient } from './coordinator-client.ts'
import type { OpenedConversion } from './events.ts'
import type { CoordinatorAddress } from './http-link.ts'
import { HttpSource } from './http-source.ts'
import { planOf } from './plan-of.ts'
import { type PathMap, shardSeenHere, spoolSeenHere } from './shared-paths.ts'
import type { RemoteSetup, RemoteSource } from './thread-setup.ts'
import type { ThreadShare } from './thread-share.ts'

/** What was received and has been copied stays in memory until the next garbage collection: measured at 1 to 8 threads. */
const receivingBytes = 40 * 2 ** 20

/**
 * What is received lies in buffers outside of V8's heap, which only go when the room for what dies young is full. V8 takes
 * more of that from release to release: by itself, a thread of Node 26 leaves 40 MiB more lying than one of Node 20.
 */
const threadLimits = { maxYoungGenerationSizeMb: 3 }

const threadEntry = new URL('./thread.js', import.meta.url)

export interface WorkbenchOptions {
  readonly client: CoordinatorClient
  readonly address: CoordinatorAddress
  readonly tokenFile: string
  readonly share: ThreadShare
  readonly kernels: WebAssembly.Module
  /** Threads while memory is plenty, of which the limit says how many are to be used at present. */
  readonly threads: number
  readonly threadLimit: ThreadLimit
  readonly maxMemory: number
  readonly maps: readonly PathMap[]
  readonly onOpened: (opened: OpenedConversion) => void
}

/** The plan of one conversion, and threads that have its sources open and room for its slices. */
export class Workbench {
  readonly conversion: string
  readonly plan: Plan
  readonly #pool: WorkerPool<RemoteSetup>
  readonly #unfollow: () => void
  readonly #client: CoordinatorClient
  readonly #importances = new Map<Float32Array, Promise<void>>()
  #closed = false

  private constructor(conversion: string, plan: Plan, pool: WorkerPool<RemoteSetup>, options: WorkbenchOptions) {
    this.conversion = conversion
    this.plan = plan
    this.#pool = pool
    this.#client = options.client
    this.#unfollow = options.threadLimit.follow((threads) => pool.resize(threads))
  }

  /**
   * @throws MiberaError CONVERSION_INACTIVE; MEMORY_TOO_SMALL when not even one thread can have its slices; and as
   * {@link CoordinatorClient.send}.
   */
  static async open(conversion: string, options: WorkbenchOptions): Promise<Workbench> {
    const { client, maps, maxMemory, onOpened } = options
    const remote = await client.ask({ method: 'GET', path: `/v1/conversions/${conversion}` }, remotePlanSchema)
    const plan = planOf(remote)
    requireKernels(plan)
    const room = bufferRoom(plan)
    const sources = await Promise.all(
      plan.sources.map(async (source): Promise<RemoteSource> => {
        return { name: source.name, size: source.size, path: await shardSeenHere(source, maps) }
      }),
    )
    const fetched = sources.some(({ path }) => path === undefined) ? fetchingBytes(plan, room) : 0
    const threads = threadsWithin(maxMemory, options.threads, room, fetched)
    const spool = remote.spool === null ? undefined : await spoolSeenHere(remote.spool, maps)
    const setup = setupOf(options, { conversion, room, sources, spool })
    const bench = new Workbench(
      conversion,
      plan,
      new WorkerPool(threads, setup, () => startThread(threadEntry, threadLimits)),
      options,
    )
    onOpened({
      kind: 'opened',
      conversion,
      tensors: plan.tensors.length,
      threads,
      shards: sources.length,
      shared: sources.filter(({ path }) => path !== undefined).length,
      spool: spool !== undefined,
    })
    return bench
  }

  /** Jobs beyond this many gain nothing. */
  get capacity(): number {
    return this.#pool.capacity
  }

  /** What fails then, fails because of that. */
  get isClosed(): boolean {
    return this.#closed
  }

  /** Has fetched what the blocks of a tensor are chosen by, once this resolves. */
  async ready(tensor: number): Promise<void> {
    const values = this.plan.tensors[tensor]?.importance
    if (values === undefined) return
    const known = this.#importances.get(values) ?? this.#fetch(tensor, values)
    this.#importances.set(values, known)
    try {
      await known
    } catch (error) {
      this.#importances.delete(values)
      throw error
    }
  }

  async #fetch(tensor: number, values: Float32Array): Promise<void> {
    const path = `/v1/conversions/${this.conversion}/importances/${tensor}`
    const name = `the importances of ${this.plan.tensors[tensor]?.name}`
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    await new HttpSource(this.#client, path, { name, size: bytes.length }).read(bytes, 0)
  }

  run<J extends Job>(job: J): Promise<JobResults[J['kind']]> {
    return this.#pool.run(job)
  }

  /** Ends the threads; what they have in hand fails. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true
    this.#unfollow()
    await this.#pool.close()
  }
}

function setupOf(
  { kernels, address, tokenFile, share }: WorkbenchOptions,
  own: {
    readonly conversion: string
    readonly room: BufferRoom
    readonly sources: readonly RemoteSource[]
    readonly spool: string | undefined
  },
): RemoteSetup {
  return { ...own, kernels, coordinator: address, tokenFile, share: share.buffer }
}

/** Memory that a thread needs besides if it fetches source bytes over the network. */
function fetchingBytes({ tensors }: Plan, { sourceBytes }: BufferRoom): number {
  // Rows in another order than the source's are fetched as one stretch, for both slices in hand.
  const reordered = tensors.some(({ source }) => source.kind === 'rows' && source.transform.kind !== 'none')
  return receivingBytes + (reordered ? 2 * sourceBytes : 0)
}
