import { formatBytes } from '../base/byte-count.ts'
import { MiberaError } from '../base/errors.ts'
import { diskNeeded } from '../convert/check-output.ts'
import type { BatchLimits } from '../convert/checkpoints.ts'
import { type ConvertOutcome, convertIn } from '../convert/convert.ts'
import type { Engine, OpenConversion } from '../convert/engine.ts'
import type { ConvertEvent } from '../convert/events.ts'
import { planPaths } from '../convert/output-paths.ts'
import type { StateDatabase } from '../convert/state/database.ts'
import { explainStateError } from '../convert/state/explain-state-error.ts'
import type { ThreadLimit } from '../convert/thread-limit.ts'
import { freeSpace } from '../disk/free-space.ts'
import type { Plan } from '../plan/plan.ts'
import { tensorsToRunAlone } from './crash-guard.ts'
import type { Job } from './job.ts'
import { isMadeAlready, type PlannedJob, planJob } from './plan-job.ts'
import { toMiberaError } from './reason.ts'
import { RunRecord } from './run-record.ts'
import { openStates } from './states.ts'
import type { JobStore } from './store/job-store.ts'

/** Why a run is stopped; the reason that `JobContext.stop` is aborted with. */
export type StopReason = 'shutdown' | 'paused' | 'cancelled'

export type JobOutcome =
  | { readonly kind: 'done' }
  /** As asked, with all finished slices bookmarked. */
  | { readonly kind: 'stopped'; readonly why: StopReason }
  | {
      readonly kind: 'failed'
      readonly error: MiberaError
      /** Bytes that must be free for it to go on, where it failed for want of disk. */
      readonly needsDisk: number | undefined
      /** Whether slices were bookmarked before it failed. */
      readonly gotAhead: boolean
    }

export interface JobContext {
  readonly database: StateDatabase
  /** The store that took the job. */
  readonly store: JobStore
  /** For the report: this program's version. */
  readonly version: string
  /** 0: other machines do what they can. */
  readonly threads: number
  /** Has other machines take part. */
  readonly elsewhere?: (conversion: OpenConversion) => Engine
  readonly threadLimit?: ThreadLimit
  /** Bytes of memory that the process may use. */
  readonly maxMemory: number
  /** When finished slices are made durable, where not as usual. */
  readonly batch?: BatchLimits
  /** Aborted with a {@link StopReason}: finish the slices in hand, bookmark them, and return. */
  readonly stop: AbortSignal
  /** For live views: told once, before the first event. */
  readonly onPlan?: (plan: Plan) => void
  /** For live views: after what matters of it has been recorded. */
  readonly onEvent?: (event: ConvertEvent) => void
}

/**
 * Runs a job that was taken, and keeps record of it: progress, tensors, events. The job's own state goes from
 * "running" to "verifying" in here; where it goes after the run is for settleJob to decide. Whatever goes wrong with
 * a conversion is an outcome; thrown is only what keeps the record itself from being written.
 */
export async function runJob(job: Job, context: JobContext): Promise<JobOutcome> {
  const record = new RunRecord(job, context.store)
  let planned: PlannedJob | undefined
  try {
    planned = await planJob(job, context.database)
    context.onPlan?.(planned.plan)
    if (await isMadeAlready(job, planned.plan, context.database)) return { kind: 'done' }
    if (context.stop.aborted) return stopped(context.stop)
    const outcome = await carryOut(job, planned, record, context)
    return outcome.kind === 'stopped' ? stopped(context.stop) : { kind: 'done' }
  } catch (thrown) {
    const error = toMiberaError(explainStateError(thrown, context.database.name))
    const needed = await needsDisk(error, job, planned)
    return {
      kind: 'failed',
      error: await withBothNumbers(error, job, needed),
      needsDisk: needed,
      gotAhead: record.gotAhead,
    }
  } finally {
    record.end()
  }
}

async function carryOut(
  job: Job,
  { plan, contradictions }: PlannedJob,
  record: RunRecord,
  context: JobContext,
): Promise<ConvertOutcome> {
  const { database, store, version, threads, threadLimit, elsewhere, maxMemory, stop } = context
  return convertIn(database, plan, {
    output: job.output,
    model: job.model,
    version,
    contradictions,
    threads,
    ...(threadLimit === undefined ? {} : { threadLimit }),
    ...(elsewhere === undefined ? {} : { elsewhere }),
    maxMemory,
    alone: tensorsToRunAlone(store.tensors(job.id)),
    force: job.options.force === true,
    // Only the first time: what this job has begun is its own work.
    restart: job.options.restart === true && !hasBegun(job),
    ...(context.batch === undefined ? record.batch() : { batch: context.batch }),
    ...(job.options.reclaimSource === true ? { reclaim: { mayDelete: () => !isNeededByOthers(job, store) } } : {}),
    stop,
    onEvent: (event) => {
      record.note(event, plan)
      context.onEvent?.(event)
    },
  })
}

/** Whether another job that has not ended reads the same folder. */
function isNeededByOthers({ id, model }: Job, store: JobStore): boolean {
  return store.list({ states: openStates }).some((other) => other.id !== id && other.model === model)
}

/** The totals are saved when a conversion has been begun, and stay. */
function hasBegun({ totalWeights }: Job): boolean {
  return totalWeights > 0
}

function stopped(stop: AbortSignal): JobOutcome {
  const why: StopReason = stop.reason === 'paused' || stop.reason === 'cancelled' ? stop.reason : 'shutdown'
  return { kind: 'stopped', why }
}

async function needsDisk({ code }: MiberaError, { output }: Job, planned?: PlannedJob): Promise<number | undefined> {
  if (planned === undefined || (code !== 'DISK_FULL' && code !== 'DISK_TOO_SMALL')) return undefined
  return diskNeeded(planned.plan, planPaths(planned.plan, output)).catch(() => undefined)
}

/** A disk that filled up is told like one that was too small from the start: what is needed, and what is there. */
async function withBothNumbers(error: MiberaError, { output }: Job, needed: number | undefined): Promise<MiberaError> {
  const free = error.code === 'DISK_FULL' ? await freeSpace(output).catch(() => undefined) : undefined
  if (needed === undefined || free === undefined) return error
  const message = `${error.message}: it needs ${formatBytes(needed)} more, only ${formatBytes(free)} are free there`
  return new MiberaError('DISK_FULL', message, {
    subject: error.subject ?? output,
    hint: 'Free some space; it goes on where it stopped.',
    cause: error,
  })
}
