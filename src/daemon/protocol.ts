import * as z from 'zod'
import type { ErrorCode } from '../base/error-codes.ts'
import { jobOptionsSchema } from '../jobs/job-options.ts'
import { recipeList, recipeNames } from '../quant/recipes.ts'

/**
 * What the control API says, version 1. docs/control-api.md documents it; `mibera jobs status --json` prints the same
 * {@link statusSchema}. The server checks what it is asked against these schemas; the command line takes only their types from here, since it
 * must answer faster than zod loads.
 *
 * Times are milliseconds since the epoch, sizes bytes; null is "not known" or "none".
 */
export const apiVersion = 1

const time = z.number().int()
const count = z.number().int().min(0)
const unknownUntilMeasured = z.number().nullable()

export const jobStateSchema = z.enum([
  'waiting',
  'queued',
  'running',
  'verifying',
  'paused',
  'done',
  'failed',
  'cancelled',
])

export const reasonSchema = z.object({
  code: z.string<ErrorCode>(),
  message: z.string(),
  hint: z.string().optional(),
})

/** What a job in work is doing at this moment. */
export const liveSchema = z.object({
  phase: z.enum(['opening', 'checking', 'converting', 'reading-back', 'publishing']),
  threads: count,
  weightsPerSecond: unknownUntilMeasured,
  /** Of the output. */
  bytesPerSecond: unknownUntilMeasured,
  secondsLeft: unknownUntilMeasured,
  /** The tensor begun last, and its place among all. */
  tensor: z.object({ name: z.string(), type: z.string(), position: count, count }).nullable(),
})

export const jobSchema = z.object({
  id: count,
  /** Absolute path of the model folder. */
  model: z.string(),
  /** With several recipes, or a split, what the files are named after; JobDetails has their names. */
  output: z.string(),
  /** "Q3_K_M", or several in one pass: "Q3_K_M,Q2_K". */
  recipe: z.string(),
  mix: z.enum(['latest', 'b3613']),
  options: jobOptionsSchema,
  origin: z.enum(['person', 'watcher']),
  priority: z.number().int(),
  state: jobStateSchema,
  /** Why it waits, or what it failed of. */
  reason: reasonSchema.nullable(),
  attempts: count,
  /** A waiting job is looked at again from then on. */
  notBefore: time.nullable(),
  /** Free disk that a waiting job needs. */
  needsDisk: count.nullable(),
  /** Share of the work that is done, 0 to 1. */
  fraction: z.number().min(0).max(1),
  doneWeights: count,
  totalWeights: count,
  doneBytes: count,
  totalBytes: count,
  live: liveSchema.nullable(),
  created: time,
  started: time.nullable(),
  ended: time.nullable(),
})

export const folderSchema = z.object({
  path: z.string(),
  state: z.enum(['downloading', 'settling', 'complete', 'unreadable']),
  /** "11 of 13 shards, model-00012 at 61 %" */
  reason: z.string(),
  doneBytes: z.number(),
  totalBytes: z.number().nullable(),
  bytesPerSecond: z.number().nullable(),
  secondsLeft: z.number().nullable(),
})

/** How other machines take part. */
export const scaleOutSchema = z.object({
  /** Where workers reach the daemon: https://HOST:PORT. */
  coordinator: z.string(),
  /** Without its password. */
  redis: z.string(),
  /** away: local threads go on, and workers deliver what they have; refused: it is there, but does not let the daemon in. */
  redisState: z.enum(['connecting', 'connected', 'away', 'refused']),
})

export const daemonSchema = z.object({
  api: z.literal(apiVersion),
  version: z.string(),
  pid: count,
  started: time,
  stateDirectory: z.string(),
  stopping: z.boolean(),
  /** Threads that conversions may use now, and at most. */
  threads: count,
  mostThreads: count,
  /** Bytes the process holds, may hold, what the machine has available, and the floor for that. */
  memory: z.object({ resident: count, budget: count, available: count.nullable(), floor: count }),
  /** null: other machines take no part. */
  scaleOut: scaleOutSchema.nullable(),
})

/** A process on another machine that makes slices for this daemon. Sums are since its start. */
export const workerSchema = z.object({
  id: z.uuid(),
  host: z.string(),
  pid: count,
  version: z.string(),
  threads: count,
  /** GGUF name of the tensor taken last, while there is work. */
  tensor: z.string().nullable(),
  weightsPerSecond: z.number().min(0),
  jobsDone: count,
  /** Jobs that it could not finish. */
  failures: count,
  /** Results of it that were not what this machine makes of the same rows. */
  strikes: count,
  /** Nothing is taken of it any more. */
  quarantined: z.boolean(),
  lastSeen: time,
  /** Bytes of memory that its process holds. */
  resident: count,
})

export const statusSchema = z.object({
  api: z.literal(apiVersion),
  at: time,
  /** null: none runs, and the rest was read from the database. */
  daemon: daemonSchema.nullable(),
  counts: z.record(jobStateSchema, count),
  /** Those in work, then those in line (at most 20), then those that ended last (at most 5). `counts` has all. */
  jobs: z.array(jobSchema),
  folders: z.array(folderSchema),
  /** Those seen lately, those that were seen first before others. */
  workers: z.array(workerSchema),
})

export const tensorSchema = z.object({
  tensor: count,
  name: z.string(),
  state: z.enum(['running', 'stopped', 'done']),
  deaths: count,
  started: time,
  ended: time.nullable(),
})

export const eventSchema = z.object({
  id: count,
  job: count,
  at: time,
  kind: z.string(),
  detail: z.record(z.string(), z.unknown()),
})

export const jobDetailsSchema = z.object({
  job: jobSchema,
  /** Absolute paths of the files that it makes; of `output` alone before it has begun. */
  files: z.array(z.string()),
  tensors: z.array(tensorSchema),
  /** The newest 50, oldest first. */
  events: z.array(eventSchema),
})

export const settingsSchema = z.record(
  z.string(),
  z.object({ value: z.unknown(), source: z.enum(['flag', 'environment', 'file', 'default']) }),
)

export const newJobSchema = z.strictObject({
  model: z.string().min(1),
  output: z.string().min(1),
  recipe: z.string().refine((text) => recipeList(text) !== undefined, {
    error: `not types of ${recipeNames.join(', ')}, each once, with commas between them`,
  }),
  mix: z.enum(['latest', 'b3613']).default('latest'),
  priority: z.number().int().min(-1000).max(1000).default(0),
  options: jobOptionsSchema.default({}),
})

export const cancelSchema = z.strictObject({ part: z.enum(['keep', 'remove']).default('keep') })

export const jobListQuerySchema = z.strictObject({
  state: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(jobStateSchema))
    .optional(),
  limit: z.coerce.number<unknown>().int().min(1).max(10_000).default(100),
})

export const eventQuerySchema = z.strictObject({
  job: z.coerce.number<unknown>().int().min(0).optional(),
  after: z.coerce.number<unknown>().int().min(0).optional(),
})

export const idSchema = z.strictObject({ id: z.coerce.number<unknown>().int().min(0) })

export type JobView = z.output<typeof jobSchema>
export type LiveView = z.output<typeof liveSchema>
export type FolderView = z.output<typeof folderSchema>
export type DaemonView = z.output<typeof daemonSchema>
export type ScaleOutView = z.output<typeof scaleOutSchema>
export type WorkerView = z.output<typeof workerSchema>
export type Status = z.output<typeof statusSchema>
export type JobDetails = z.output<typeof jobDetailsSchema>
export type EventView = z.output<typeof eventSchema>
export type SettingsView = z.output<typeof settingsSchema>
export type NewJobRequest = z.input<typeof newJobSchema>
export type JobAction = 'pause' | 'resume' | 'cancel' | 'retry'
