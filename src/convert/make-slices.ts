import type { PlannedTensor } from '../plan/plan.ts'
import { sliceOf } from '../plan/slices.ts'
import type { Checkpoints } from './checkpoints.ts'
import { ConversionDesk } from './conversion-desk.ts'
import { LocalEngine } from './local-engine.ts'
import type { OutputParts } from './output-parts.ts'
import type { MadeSlice } from './protocol.ts'
import type { Run } from './run.ts'
import { type Crew, runSlices } from './run-slices.ts'
import type { SliceId } from './slice-id.ts'
import { tensorOf } from './slice-job.ts'
import { readReclaimed } from './state/reclaimed-shards.ts'
import { WorkList } from './work-list.ts'

export interface SliceTarget {
  /** Row of the state database. */
  readonly conversion: number
  readonly parts: OutputParts
  readonly checkpoints: Checkpoints
  /** Aborted: no further slice is begun; those in hand are finished and bookmarked. */
  readonly stop: AbortSignal
}

/**
 * Makes the given slices: first the tensors that must be alone, each by itself on one thread of this machine, then all
 * others, together with whoever else takes part. Returns, and throws, only after all that was written is bookmarked.
 */
export async function makeSlices(
  run: Run,
  target: SliceTarget,
  todo: readonly SliceId[],
): Promise<'finished' | 'stopped'> {
  const { alone = [], threadLimit } = run.options
  for (const tensor of alone) {
    const own = todo.filter((slice) => slice.tensor === tensor)
    if (own.length === 0) continue
    run.pool.resize(1)
    if ((await makeAlone(run, target, own)) === 'stopped') return 'stopped'
  }
  run.pool.resize(threadLimit?.threads ?? run.threads)
  const rest = todo.filter(({ tensor }) => !alone.includes(tensor))
  return makeTogether(run, target, rest)
}

async function makeAlone(run: Run, target: SliceTarget, todo: readonly SliceId[]): Promise<'finished' | 'stopped'> {
  const work = new WorkList(run.plan, todo)
  const engine = new LocalEngine(run, work, accepting(run, target, work), 1)
  return bookmarking(target, runOf(run, target, work), [{ engine, next: () => one(work.takeHere()) }])
}

async function makeTogether(run: Run, target: SliceTarget, todo: readonly SliceId[]): Promise<'finished' | 'stopped'> {
  const { elsewhere, threads } = run.options
  const work = new WorkList(run.plan, todo)
  const accept = accepting(run, target, work)
  const here = {
    engine: new LocalEngine(run, work, accept),
    next: () => {
      if (threads === 0) return one(work.takeForHere())
      const id = work.takeHere() ?? work.takeOver()
      if (id === undefined) target.checkpoints.nearEnd()
      return one(id)
    },
  }
  if (elsewhere === undefined) return bookmarking(target, runOf(run, target, work), [here])
  const { conversion, parts } = target
  const part = run.paths[0]?.part ?? ''
  const retake = retaking(run, target, work)
  const desk = new ConversionDesk({ conversion, plan: run.plan, part, parts, work, pool: run.pool, accept, retake })
  const engine = elsewhere(desk)
  try {
    return await bookmarking(
      target,
      runOf(run, target, work),
      [here, { engine, next: () => work.takeElsewhere() }],
      () => desk.close(),
    )
  } finally {
    await engine.close()
  }
}

/** Runs to the end, and bookmarks what was made, whatever the end was. */
async function bookmarking(
  { checkpoints }: SliceTarget,
  run: Parameters<typeof runSlices>[0],
  crews: readonly Crew[],
  closed: () => Promise<void> = async () => {},
): Promise<'finished' | 'stopped'> {
  const outcome = await runSlices(run, crews).then(
    (end) => ({ end }),
    (error: unknown) => ({ error }),
  )
  await closed()
  await checkpoints.finish()
  if ('error' in outcome) throw outcome.error
  return outcome.end
}

function runOf({ plan, options: { onEvent } }: Run, { stop }: SliceTarget, work: WorkList) {
  return { plan, work, onEvent, stop }
}

/** What becomes of a slice whose blocks have been written, wherever it was made. */
function accepting({ plan, options: { onEvent } }: Run, { checkpoints }: SliceTarget, work: WorkList) {
  return (id: SliceId, made: MadeSlice): void => {
    const tensor = tensorOf(plan, id)
    const { weights, byteLength } = sliceOf(tensor, id.slice)
    checkpoints.add({ ...id, ...made }, byteLength)
    work.done(id)
    onEvent({ kind: 'slice', tensor, weights, byteLength })
  }
}

/** What becomes of slices that were accepted, when they are not to be believed any more. */
function retaking({ plan, database, options: { onEvent } }: Run, target: SliceTarget, work: WorkList) {
  return (ids: readonly SliceId[]): number => {
    const gone = new Set(readReclaimed(database, target.conversion).map(({ source }) => source))
    const again = work.redo(ids.filter((id) => !takesFrom(tensorOf(plan, id), gone)))
    target.checkpoints.forget(again)
    for (const id of again) {
      const tensor = tensorOf(plan, id)
      const { weights, byteLength } = sliceOf(tensor, id.slice)
      onEvent({ kind: 'retaken', tensor, weights, byteLength })
    }
    const reason = 'whoever made them has given wrong results'
    if (again.length > 0) onEvent({ kind: 'discarded', reason, slices: again.length })
    return again.length
  }
}

function takesFrom({ source }: PlannedTensor, sources: ReadonlySet<number>): boolean {
  return source.kind === 'rows' && source.ranges.some((range) => sources.has(range.source))
}

function one(id: SliceId | undefined) {
  return id === undefined ? undefined : { tensor: id.tensor, firstSlice: id.slice, slices: 1 }
}
