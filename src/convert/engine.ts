import type { Plan } from '../plan/plan.ts'
import type { MadeSlice } from './protocol.ts'
import type { SliceId } from './slice-id.ts'

/** Consecutive slices of one tensor, and of those made of the same rows: the job that an engine is handed at a time. */
export interface SliceRange {
  /** Position in the plan. */
  readonly tensor: number
  readonly firstSlice: number
  readonly slices: number
}

/**
 * Something that makes slices: the threads of this machine, or other machines. Several may work on one conversion. An
 * engine decides nothing about what is done: it delivers slices to the {@link OpenConversion}, which takes each once.
 */
export interface Engine {
  /** For events and messages. */
  readonly name: 'local' | 'bullmq'
  /** How many jobs it may have in hand at this moment; 0 while it can do nothing. */
  readonly capacity: number
  /**
   * Has `listener` called whenever the capacity has changed.
   * @returns ends this.
   */
  onCapacity(listener: () => void): () => void
  /**
   * Has the wanted slices of a job made and delivered. Returns when none of them is wanted of it any more.
   * @param stop aborted: begin nothing further; what is in the hands of a thread of this process is finished first.
   * @throws MiberaError ENGINE_LOST when it cannot have them made: they are then handed to whoever is next; anything
   * else ends the conversion.
   */
  run(job: SliceRange, stop: AbortSignal): Promise<void>
  /** Gives back everything that it holds. Nothing is delivered after that. Safe to call twice. */
  close(): Promise<void>
}

/** What became of a slice that was made elsewhere. */
export type Taken =
  /** Its blocks are in the output, and will be bookmarked with the next batch. */
  | 'accepted'
  /** It is no longer wanted: somebody else was sooner. Nothing was read or written. */
  | 'late'
  /** Its blocks are not those that this machine makes of the same rows. Nothing was written. */
  | 'wrong'

/** A conversion that other machines may work on: its plan, and the only way in which a slice gets into its output. */
export interface OpenConversion {
  /** Names the conversion and its plan: another plan for the same output has another key. Letters, digits, hyphens. */
  readonly key: string
  readonly plan: Plan
  /** Absolute path of the file being filled, or of the first where there are several. */
  readonly part: string
  /** Those slices of a job that are still to be delivered by other machines, of all tensors made of its rows. */
  wanted(job: SliceRange): SliceId[]
  /**
   * Resolves when none of a job's slices is wanted of other machines any more.
   * @throws what this machine met while it took a slice: a full disk, say. The conversion ends with it.
   */
  settled(job: SliceRange): Promise<void>
  /**
   * Takes a slice made elsewhere: checks it against what this machine makes of some or all of its rows, and writes it.
   * @param blocks exactly the slice's `byteLength` bytes; not changed, and not used after the promise has settled.
   * @param made `checksum` must be of `blocks`, computed on this machine.
   * @param check `sample` makes one row again that the sender cannot foresee; `whole` makes all of them again.
   */
  take(id: SliceId, blocks: Uint8Array<ArrayBuffer>, made: MadeSlice, check: 'sample' | 'whole'): Promise<Taken>
  /**
   * Slices that were taken after a sample are not to be believed any more, since whoever made them has given wrong
   * results: their bookmarks are dropped, and they are made again. Those whose sources were reclaimed stay.
   * @returns how many are made again.
   */
  retake(ids: readonly SliceId[]): number
  /**
   * Other machines cannot make this slice: it is made here, whatever the number of local threads.
   * @param made called when it has been: nothing was wrong with its weights.
   */
  makeHere(id: SliceId, made?: () => void): void
}
