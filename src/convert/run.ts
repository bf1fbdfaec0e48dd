import type { Contradiction } from '../model/description.ts'
import type { Plan } from '../plan/plan.ts'
import type { BatchLimits } from './checkpoints.ts'
import type { Engine, OpenConversion } from './engine.ts'
import type { EventListener } from './events.ts'
import type { OutputPaths } from './output-paths.ts'
import type { SpareThreads } from './spare-threads.ts'
import type { StateDatabase } from './state/database.ts'
import type { ThreadLimit } from './thread-limit.ts'
import type { WorkerPool } from './worker-pool.ts'

/** How `--reclaim-source` is to be done. */
export interface ReclaimWish {
  /** Asked before each deletion: false while somebody else still needs the sources. */
  readonly mayDelete: () => boolean
}

export interface ConvertOptions {
  /** Absolute path of the output asked for: of the file to be made, or what `planPaths` names several after. */
  readonly output: string
  /** For the report: where the model was found. */
  readonly model: string
  /** For the report: this program's version. */
  readonly version: string
  readonly contradictions: readonly Contradiction[]
  readonly stateDirectory: string
  /** Threads started before the plan was made; those that are not needed are ended. */
  readonly spareThreads?: SpareThreads
  /** Threads wanted; fewer are used where memory is short. 0: other machines make all slices that they can. */
  readonly threads: number
  /** Has other machines take part. Called once for a run, when the output is ready to be filled. */
  readonly elsewhere?: (conversion: OpenConversion) => Engine
  /** Changes while the conversion runs; never more than `threads` are used. */
  readonly threadLimit?: ThreadLimit
  /** Positions in the plan of tensors to be made before all others, each by itself on one thread. */
  readonly alone?: readonly number[]
  /** Bytes of memory that the process may use. */
  readonly maxMemory: number
  /** Replace an output that exists. */
  readonly force: boolean
  /** Give up what an earlier run left unfinished. */
  readonly restart: boolean
  /** Delete each source when the output holds all of it; without this, sources are never touched. */
  readonly reclaim?: ReclaimWish
  /** When finished slices are made durable; a couple of seconds unless said otherwise. */
  readonly batch?: BatchLimits
  /** Aborted: finish the slices in hand, bookmark them, and return. */
  readonly stop: AbortSignal
  readonly onEvent: EventListener
}

/** What the stages of one conversion share. */
export interface Run {
  readonly plan: Plan
  /** Of each file of the plan. */
  readonly paths: readonly OutputPaths[]
  readonly database: StateDatabase
  readonly pool: WorkerPool
  readonly threads: number
  readonly options: Omit<ConvertOptions, 'stateDirectory'>
}
