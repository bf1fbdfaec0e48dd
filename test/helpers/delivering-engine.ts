import { createHash } from 'node:crypto'
import type { Engine, OpenConversion, SliceRange, Taken } from '#dist/convert/engine.js'
import type { SliceId } from '#dist/convert/slice-id.js'
import { sliceOf } from '#dist/plan/slices.js'

export interface Delivering {
  /** The bytes of a finished file of the same plan: where the blocks are taken from. */
  readonly file: Uint8Array
  readonly check?: 'sample' | 'whole'
  /** Changes the blocks of a slice before they are delivered. */
  readonly tamper?: (id: SliceId, blocks: Uint8Array) => void
  /** Awaited before each slice is delivered. */
  readonly before?: (id: SliceId) => Promise<void> | void
}

/** Stands for other machines: delivers slices of a file that was made before, and tells what became of each. */
export class DeliveringEngine implements Engine {
  readonly name = 'bullmq'
  readonly taken: { readonly id: SliceId; readonly taken: Taken }[] = []
  readonly conversion: OpenConversion
  readonly #options: Delivering
  readonly #listeners = new Set<() => void>()
  #capacity: number
  closed = false

  constructor(conversion: OpenConversion, options: Delivering, capacity = 2) {
    this.conversion = conversion
    this.#options = options
    this.#capacity = capacity
  }

  get capacity(): number {
    return this.#capacity
  }

  set capacity(capacity: number) {
    this.#capacity = capacity
    for (const listener of this.#listeners) listener()
  }

  onCapacity(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async run(job: SliceRange, stop: AbortSignal): Promise<void> {
    const stopped = new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }))
    // Whoever delivers, or takes over: what counts is that nothing is wanted any more.
    const failed = this.#deliver(job, stop).then(() => new Promise<never>(() => {}))
    await Promise.race([stopped, failed, this.conversion.settled(job)])
  }

  async close(): Promise<void> {
    this.closed = true
  }

  async deliver(id: SliceId): Promise<Taken> {
    const { file, tamper, check = 'sample' } = this.#options
    const planned = this.conversion.plan.tensors[id.tensor]
    if (planned === undefined) throw new RangeError(`no tensor ${id.tensor}`)
    const { offset, byteLength } = sliceOf(planned, id.slice)
    const blocks = new Uint8Array(file.slice(offset, offset + byteLength))
    tamper?.(id, blocks)
    const checksum = createHash('sha256').update(blocks).digest()
    const made = { checksum, squaredError: 0, energy: 1, compared: 1, milliseconds: 1 }
    const taken = await this.conversion.take(id, blocks, made, check)
    this.taken.push({ id, taken })
    return taken
  }

  async #deliver(job: SliceRange, stop: AbortSignal): Promise<void> {
    for (const id of this.conversion.wanted(job)) {
      await this.#options.before?.(id)
      if (stop.aborted) return
      if ((await this.deliver(id)) === 'wrong') this.conversion.makeHere(id)
    }
  }
}
