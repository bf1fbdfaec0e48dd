import type { ErrorCode } from '../base/error-codes.ts'
import type { MixName } from '../quant/choose-types.ts'
import type { JobOptions } from './job-options.ts'
import type { JobState } from './states.ts'

/** One conversion that somebody asked for. Times are milliseconds since the epoch, sizes bytes. */
export interface Job {
  readonly id: number
  /** Absolute path of the model folder. */
  readonly model: string
  /** Absolute path of the file to be made; with several recipes, or a split, what all files are named after. */
  readonly output: string
  /** "Q3_K_M", or "Q3_K_M,Q2_K" where one job makes files of several recipes. */
  readonly recipe: string
  readonly mix: MixName
  readonly options: JobOptions
  readonly origin: 'person' | 'watcher'
  /** Digest of what the folder held; only the watcher sets it. */
  readonly content: string | undefined
  readonly priority: number
  readonly state: JobState
  readonly reason: JobReason | undefined
  readonly attempts: number
  readonly notBefore: number
  readonly needsDisk: number | undefined
  readonly doneWeights: number
  readonly totalWeights: number
  readonly doneBytes: number
  readonly totalBytes: number
  readonly created: number
  readonly started: number | undefined
  readonly ended: number | undefined
}

export interface JobReason {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
}

/** What a new job is made of. */
export type NewJob = Pick<Job, 'model' | 'output' | 'recipe' | 'mix' | 'options' | 'origin'> &
  Partial<Pick<Job, 'content' | 'priority'>>
