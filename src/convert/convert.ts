import { collectGarbage } from '../base/collect-garbage.ts'
import { explainSystemError } from '../base/system-error.ts'
import { explainDiskFull } from '../disk/part-file.ts'
import type { Plan } from '../plan/plan.ts'
import { compileKernels } from '../quant/kernels.ts'
import { refuseSourceAsOutput, requireSameSources } from './check-output.ts'
import { fillPart } from './fill-part.ts'
import { finish } from './finish.ts'
import { planPaths } from './output-paths.ts'
import { type Prepared, prepare } from './prepare.ts'
import type { Report } from './report.ts'
import { requireKernels } from './require-kernels.ts'
import type { ConvertOptions, Run } from './run.ts'
import { startThread } from './spare-threads.ts'
import type { StateDatabase } from './state/database.ts'
import { readReclaimed } from './state/reclaimed-shards.ts'
import { withState } from './state/with-state.ts'
import { bufferRoom, threadsWithin } from './thread-budget.ts'
import { WorkerPool } from './worker-pool.ts'

export type ConvertOutcome =
  /** With a report for each file of the plan. */
  | { readonly kind: 'published'; readonly reports: readonly Report[] }
  /** Stopped as asked: the same call goes on from here. */
  | { readonly kind: 'stopped' }

/**
 * Carries out a plan: begins or resumes, makes all slices that are missing, reads all files back, and only then gives
 * them their names.
 * @throws MiberaError as documented in docs/errors.md. Whatever is thrown, the work bookmarked so far is kept.
 */
export async function convert(plan: Plan, options: ConvertOptions): Promise<ConvertOutcome> {
  return withState(options.stateDirectory, (database) => convertIn(database, plan, options))
}

/** {@link convert} for a caller that holds the state directory already. */
export async function convertIn(
  database: StateDatabase,
  plan: Plan,
  options: Omit<ConvertOptions, 'stateDirectory'>,
): Promise<ConvertOutcome> {
  const paths = planPaths(plan, options.output)
  const room = bufferRoom(plan)
  // One thread is always there: it reads back, and checks what comes from elsewhere.
  const threads = threadsWithin(options.maxMemory, Math.max(1, options.threads), room)
  requireKernels(plan)
  try {
    await refuseSourceAsOutput(
      plan,
      paths.flatMap((path) => Object.values(path)),
    )
    const prepared = await prepare(plan, paths, database, options)
    const reclaimed = reclaimedSources(database, prepared.conversion.id)
    // What planning left behind would add to what the threads take.
    collectGarbage()
    const setup = {
      kernels: compileKernels(),
      sources: plan.sources.map(({ path }, index) => (reclaimed.has(index) ? undefined : path)),
      outputs: prepared.parts.places,
      room,
    }
    const pool = new WorkerPool(threads, setup, () => options.spareThreads?.take() ?? startThread())
    // Memory may allow fewer than were started.
    options.spareThreads?.close()
    const release = options.threadLimit?.follow((limit) => pool.resize(limit))
    try {
      return await carryOut({ plan, paths, database, pool, threads, options }, prepared)
    } finally {
      release?.()
      await pool.close()
      await prepared.parts.close()
    }
  } catch (error) {
    throw explainSystemError(explainDiskFull(error, paths[0]?.part ?? options.output))
  }
}

async function carryOut(run: Run, prepared: Prepared): Promise<ConvertOutcome> {
  if (!prepared.parts.areNamed) {
    if ((await fillPart(run, prepared)) === 'stopped') return { kind: 'stopped' }
    await requireSameSources(run.plan, reclaimedSources(run.database, prepared.conversion.id))
  }
  const reports = await finish(run, prepared)
  return reports === 'stopped' ? { kind: 'stopped' } : { kind: 'published', reports }
}

function reclaimedSources(database: StateDatabase, conversion: number): ReadonlySet<number> {
  return new Set(readReclaimed(database, conversion).map(({ source }) => source))
}
