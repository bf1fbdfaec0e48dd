import type { MiberaError } from '../base/errors.ts'
import { explainSystemError } from '../base/system-error.ts'
import type { Heartbeat } from '../daemon/coordinator/protocol.ts'
import type { QueueJob } from '../jobs/engines/bullmq/queue-job.ts'
import { toMiberaError } from '../jobs/reason.ts'
import type { CoordinatorClient } from './coordinator-client.ts'
import { whileGettingOn } from './liveness.ts'
import { makeWanted } from './slice-work.ts'
import type { ThreadShare } from './thread-share.ts'
import { Throughput } from './throughput.ts'
import type { Workbench } from './workbench.ts'
import type { Workshop } from './workshop.ts'

export interface JobWorkOptions {
  readonly client: CoordinatorClient
  readonly share: ThreadShare
  readonly workshop: Workshop
  /** Aborted: no further slice is begun. */
  readonly stop: AbortSignal
  /** How long (ms) the threads may stand still. */
  readonly longestStandstill: () => number
  /** Makes sure that the coordinator knows this worker. */
  readonly confirm: () => Promise<void>
  readonly onFatal: (error: MiberaError) => void
  readonly onFailed: (error: MiberaError) => void
  readonly onSlice: (tensor: string) => void
}

/** Trouble that this process cannot get out of: whoever started it has to do something. */
const fatal: ReadonlySet<string> = new Set([
  'WORKER_QUARANTINED',
  'WORKER_VERSION',
  'MEMORY_TOO_SMALL',
  'TYPE_UNSUPPORTED',
])

/**
 * After these the workbench is set up anew: its threads, the files that they have open, or what it was told of where
 * results go are not to be relied on.
 */
const broken: ReadonlySet<string> = new Set(['WORKER_DIED', 'IO', 'SHARD_TRUNCATED', 'SLICE_REFUSED'])

/** Does jobs, decides what becomes of those that fail, and counts. */
export class JobWork {
  readonly #options: JobWorkOptions
  readonly #throughput = new Throughput(performance.now())
  #tensor: string | undefined
  #inHand = 0
  #done = 0
  #failures = 0

  constructor(options: JobWorkOptions) {
    this.#options = options
  }

  /**
   * @returns whether the job is over, or to be given back for others.
   * @throws MiberaError why it is to be done again after a pause.
   */
  async do(job: QueueJob): Promise<'over' | 'give back'> {
    this.#inHand++
    try {
      const over = await this.#options.workshop.use(job.conversion, (bench) => this.#makeWith(job, bench))
      if (over) this.#done++
      return over ? 'over' : 'give back'
    } catch (error) {
      return await this.#settle(job, toMiberaError(explainSystemError(error)))
    } finally {
      this.#inHand--
      if (this.#inHand === 0) this.#tensor = undefined
    }
  }

  view(): Pick<Heartbeat, 'tensor' | 'weightsPerSecond' | 'jobsDone' | 'failures'> {
    return {
      tensor: this.#tensor ?? null,
      weightsPerSecond: this.#throughput.perSecond(performance.now()),
      jobsDone: this.#done,
      failures: this.#failures,
    }
  }

  async #makeWith(job: QueueJob, bench: Workbench): Promise<boolean> {
    const { client, share, stop, longestStandstill, onSlice } = this.#options
    const work = makeWanted(job, bench, {
      client,
      stop,
      onBegun: ({ name }) => {
        this.#tensor = name
      },
      onMade: ({ name }, weights) => {
        this.#throughput.add(weights, performance.now())
        onSlice(name)
      },
    })
    try {
      return await whileGettingOn(share, longestStandstill(), work)
    } catch (error) {
      // Another job broke the bench that both were made at.
      if (bench.isClosed) return false
      throw error
    }
  }

  async #settle({ conversion }: QueueJob, error: MiberaError): Promise<'over' | 'give back'> {
    const { workshop, stop, confirm, onFatal, onFailed } = this.#options
    // Its conversion has ended, or is paused: whoever goes on with it adds the job again.
    if (error.code === 'CONVERSION_INACTIVE') return 'over'
    if (fatal.has(error.code)) {
      onFatal(error)
      return 'give back'
    }
    if (broken.has(error.code)) await workshop.discard(conversion)
    if (stop.aborted) return 'give back'
    if (error.code === 'WORKER_UNKNOWN') {
      // The coordinator was restarted: the failure is none of the job's doing.
      await confirm()
      return 'give back'
    }
    this.#failures++
    onFailed(error)
    throw error
  }
}
