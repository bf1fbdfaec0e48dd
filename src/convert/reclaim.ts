import { unlink } from 'node:fs/promises'
import { systemCode } from '../base/errors.ts'
import type { Plan } from '../plan/plan.ts'
import { sliceCount } from '../plan/slices.ts'
import { requireSameSource } from './check-output.ts'
import { readTensorBack } from './read-back.ts'
import type { ReclaimWish, Run } from './run.ts'
import { type Bookmark, bookmarksByTensor, readBookmarks } from './state/bookmarks.ts'
import { keepPlan } from './state/kept-plans.ts'
import { readReclaimed, recordReclaimed } from './state/reclaimed-shards.ts'

/**
 * Deletes each shard of which the output holds everything: all its tensors are bookmarked, hence durable, and were read
 * back as they were made. A shard that the output takes nothing from stays. Each is recorded before it is deleted, and
 * the plan is kept before the first, so that after a crash the conversion goes on without the shards.
 */
export class Reclaimer {
  readonly #run: Run
  readonly #conversion: number
  readonly #mayDelete: () => boolean
  readonly #tensorsOf: readonly (readonly number[])[]
  readonly #verified = new Set<number>()
  readonly #reclaimed: Set<number>
  readonly #failed = new AbortController()
  #working: Promise<void> | undefined
  #again = false
  #failure: { readonly error: unknown } | undefined

  constructor(run: Run, conversion: number, { mayDelete }: ReclaimWish) {
    this.#run = run
    this.#conversion = conversion
    this.#mayDelete = mayDelete
    this.#tensorsOf = tensorsBySource(run.plan)
    this.#reclaimed = new Set(readReclaimed(run.database, conversion).map(({ source }) => source))
    const { plan, options } = run
    if (this.#reclaimed.size === 0) keepPlan(run.database, conversion, { plan, contradictions: options.contradictions })
  }

  /** Aborted when something was found wrong: nothing more should be made. {@link finish} then throws it. */
  get failed(): AbortSignal {
    return this.#failed.signal
  }

  /** Deletes what an earlier run recorded, but died before it deleted. */
  async finishEarlier(): Promise<void> {
    for (const source of this.#reclaimed) {
      const same = await requireSameSource(this.#run.plan, source).then(
        () => true,
        () => false,
      )
      // Another file of that name, a new download perhaps, is none of ours.
      if (same) await this.#unlink(source)
    }
  }

  /** Further slices may have been bookmarked. Returns at once; one look at a time. */
  look(): void {
    if (this.#failure !== undefined) return
    this.#again = true
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
  }

  /** Returns when all that can be deleted now is. @throws MiberaError VERIFICATION_FAILED, SHARD_CHANGED and others. */
  async finish(): Promise<void> {
    this.look()
    await this.#working
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #work(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false
        await this.#reclaimReady()
      }
    } catch (error) {
      this.#failure = { error }
      this.#failed.abort()
    }
  }

  async #reclaimReady(): Promise<void> {
    const { plan, database, options } = this.#run
    const bookmarks = bookmarksByTensor(readBookmarks(database, this.#conversion))
    for (const [source, tensors] of this.#tensorsOf.entries()) {
      if (tensors.length === 0 || this.#reclaimed.has(source) || !areComplete(plan, tensors, bookmarks)) continue
      if (options.stop.aborted || !this.#mayDelete()) return
      for (const tensor of tensors) await this.#verify(tensor, bookmarks.get(tensor) ?? [])
      await requireSameSource(plan, source)
      await this.#reclaim(source, tensors)
    }
  }

  async #verify(tensor: number, bookmarks: readonly Bookmark[]): Promise<void> {
    if (this.#verified.has(tensor)) return
    await readTensorBack(this.#run.plan, tensor, bookmarks, this.#run.pool)
    this.#verified.add(tensor)
  }

  async #reclaim(source: number, tensors: readonly number[]): Promise<void> {
    const { plan, pool, database } = this.#run
    // Slices made elsewhere may have been taken back while the tensors were read. From here on they cannot be.
    if (!areComplete(plan, tensors, bookmarksByTensor(readBookmarks(database, this.#conversion)))) return
    recordReclaimed(database, this.#conversion, plan, source)
    this.#reclaimed.add(source)
    // An open file keeps its place on the disk.
    await pool.releaseSource(source)
    await this.#unlink(source)
  }

  async #unlink(source: number): Promise<void> {
    const { plan, options } = this.#run
    const shard = plan.sources[source]
    if (shard === undefined) return
    try {
      await unlink(shard.path)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return
      // The conversion does not need it gone, only its owner's disk does: the next run tries again.
      options.onEvent({ kind: 'reclaim-failed', shard, reason: (error as Error).message })
      return
    }
    options.onEvent({ kind: 'reclaimed', shard })
  }
}

function areComplete(
  { tensors: planned }: Plan,
  tensors: readonly number[],
  bookmarks: ReadonlyMap<number, readonly Bookmark[]>,
): boolean {
  return tensors.every((index) => {
    const tensor = planned[index]
    return tensor !== undefined && bookmarks.get(index)?.length === sliceCount(tensor)
  })
}

/** For each source, the tensors that take rows from it. */
function tensorsBySource({ sources, tensors }: Plan): number[][] {
  const bySource: number[][] = sources.map(() => [])
  for (const [index, { source }] of tensors.entries()) {
    if (source.kind !== 'rows') continue
    for (const number of new Set(source.ranges.map((range) => range.source))) bySource[number]?.push(index)
  }
  return bySource
}
