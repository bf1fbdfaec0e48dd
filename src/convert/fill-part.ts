import { PlanCost } from '../plan/cost.ts'
import type { Plan } from '../plan/plan.ts'
import { sliceOf } from '../plan/slices.ts'
import { Checkpoints, usualBatch } from './checkpoints.ts'
import type { EventListener, KeptWork } from './events.ts'
import { damagedAfterNaming } from './finish.ts'
import { makeSlices } from './make-slices.ts'
import type { OutputParts } from './output-parts.ts'
import type { Prepared } from './prepare.ts'
import { findDamagedSlices } from './read-back.ts'
import { Reclaimer } from './reclaim.ts'
import type { Run } from './run.ts'
import { type SliceId, sliceKey } from './slice-id.ts'
import { allSlices, tensorOf } from './slice-job.ts'
import { goneSources, sourceReclaimed } from './source-reclaimed.ts'
import { type Bookmark, dropBookmarks, readBookmarks } from './state/bookmarks.ts'

/** Makes every slice that is not already in the files of the output, bookmarking as it goes. */
export async function fillPart(run: Run, { conversion, parts, discarded }: Prepared): Promise<'finished' | 'stopped'> {
  const { plan, threads } = run
  const { onEvent, stop, reclaim } = run.options
  if (discarded !== undefined) onEvent({ kind: 'discarded', ...discarded })
  const kept = await trustedBookmarks(run, conversion.id, parts)
  onEvent({ kind: 'begun', threads, ...keptWork(plan, kept) })
  const done = new Set(kept.map(sliceKey))
  const todo = [...allSlices(plan)].filter((slice) => !done.has(sliceKey(slice)))
  const checkpointsTelling = (tell: EventListener) =>
    new Checkpoints(
      { plan, parts, database: run.database, conversion: conversion.id },
      run.options.batch ?? usualBatch,
      tell,
    )
  const target = { conversion: conversion.id, parts }
  if (reclaim === undefined) {
    return makeSlices(run, { ...target, checkpoints: checkpointsTelling(onEvent), stop }, todo)
  }
  const reclaimer = new Reclaimer(run, conversion.id, reclaim)
  await reclaimer.finishEarlier()
  const checkpoints = checkpointsTelling((event) => {
    onEvent(event)
    reclaimer.look()
  })
  const either = AbortSignal.any([stop, reclaimer.failed])
  try {
    return await makeSlices(run, { ...target, checkpoints, stop: either }, todo)
  } finally {
    await reclaimer.finish()
  }
}

/** The bookmarks whose blocks are in their file as recorded. The others are dropped, and their slices made again. */
async function trustedBookmarks(run: Run, conversion: number, parts: OutputParts): Promise<Bookmark[]> {
  const bookmarks = readBookmarks(run.database, conversion)
  if (bookmarks.length === 0) return []
  run.options.onEvent({ kind: 'checking', slices: bookmarks.length })
  const damaged = await findDamagedSlices(run.plan, bookmarks, run.pool, run.options.stop)
  if (damaged.length === 0) return bookmarks
  const named = damaged.find((id) => parts.isNamed(tensorOf(run.plan, id).file))
  if (named !== undefined) throw damagedAfterNaming(run, named)
  await requireSourcesOf(run, damaged)
  dropBookmarks(run.database, conversion, damaged)
  run.options.onEvent({
    kind: 'discarded',
    reason: 'their bytes on disk are not those recorded',
    slices: damaged.length,
  })
  const bad = new Set(damaged.map(sliceKey))
  return bookmarks.filter((bookmark) => !bad.has(sliceKey(bookmark)))
}

/** Refuses to drop what cannot be made again. */
async function requireSourcesOf(
  { plan, database, options: { output } }: Run,
  slices: readonly SliceId[],
): Promise<void> {
  const needed = new Set(
    slices.flatMap((id) => {
      const { source } = tensorOf(plan, id)
      return source.kind === 'rows' ? source.ranges.map((range) => range.source) : []
    }),
  )
  const gone = (await goneSources(database, output)).filter(({ source }) => needed.has(source))
  if (gone.length > 0) throw sourceReclaimed(output, gone, 'was damaged on disk and cannot be made again')
}

function keptWork(plan: Plan, slices: readonly SliceId[]): KeptWork {
  let doneBytes = 0
  let doneWeights = 0
  let doneCost = 0
  const costs = new PlanCost(plan)
  for (const id of slices) {
    const tensor = tensorOf(plan, id)
    const { weights, byteLength } = sliceOf(tensor, id.slice)
    doneBytes += byteLength
    doneWeights += weights
    doneCost += costs.of(tensor, weights)
  }
  return { doneSlices: slices.length, doneBytes, doneWeights, doneCost }
}
