import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { MiberaError } from '../../../base/errors.ts'
import type { NamedSlice } from '../lawful-request.ts'
import type { Made } from '../protocol.ts'
import { RequestError } from '../refusals.ts'
import type { WorkerRegistry } from '../trust/worker-registry.ts'
import { BufferShelf } from './buffer-shelf.ts'
import { ByteBudget } from './byte-budget.ts'
import { goneOf } from './gone.ts'
import { receiveBlocks } from './receive-blocks.ts'
import { struck, takeSlice, type Verdict } from './take-slice.ts'
import type { TransferLimits } from './transfer-limits.ts'

/** A slice that a worker says it has made. */
export interface Announced {
  readonly worker: string
  readonly named: NamedSlice
  readonly made: Made
  readonly response: ServerResponse
}

/** Brings the blocks of slices in, by upload or from the shared folder, in memory that is bounded and used again. */
export class SliceIntake {
  readonly #workers: WorkerRegistry
  readonly #limits: TransferLimits
  readonly #budget: ByteBudget
  readonly #shelf: BufferShelf

  constructor(workers: WorkerRegistry, limits: TransferLimits) {
    this.#workers = workers
    this.#limits = limits
    this.#budget = new ByteBudget({ bytes: limits.received, waiting: limits.waiting })
    this.#shelf = new BufferShelf(limits.received / 4)
  }

  /**
   * Reads the body only if the slice is still wanted and the body is as long as the slice.
   * @throws MiberaError SLICE_REFUSED, TOO_MANY_REQUESTS; what the conversion failed with.
   */
  async uploaded(announced: Announced, body: IncomingMessage): Promise<Verdict> {
    this.#requireLength(announced, body)
    return this.#bring(announced, (blocks) => receiveBlocks(body, blocks, this.#limits.stillMilliseconds))
  }

  /** @throws MiberaError as {@link uploaded} */
  async spooled(announced: Announced): Promise<Verdict> {
    const { named, worker } = announced
    const { spool } = named.active
    if (spool === undefined) throw new MiberaError('SLICE_REFUSED', 'results of this conversion are to be uploaded')
    const path = spool.pathOf(named.id, worker)
    const verdict = await this.#bring(announced, async (blocks) => {
      try {
        const found = await spool.read(path, blocks)
        if (found === 'missing') throw new MiberaError('SLICE_REFUSED', `there is no ${path} here`, { subject: path })
        if (found === 'other-length') throw struck(this.#workers, announced, 'its file has not the length of the slice')
      } finally {
        await spool.discard(path)
      }
      return createHash('sha256').update(blocks).digest()
    })
    if (verdict.taken === 'late') await spool.discard(path)
    return verdict
  }

  async #bring(
    { worker, named, made, response }: Announced,
    fill: (blocks: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>,
  ): Promise<Verdict> {
    if (!isWanted(named)) return { taken: 'late' }
    const bytes = named.slice.byteLength
    const gone = goneOf(response, this.#limits.turnMilliseconds)
    return this.#budget.use({ holder: worker, bytes, gone }, async () => {
      const blocks = this.#shelf.take(bytes)
      try {
        const sha256 = await fill(blocks)
        return await takeSlice(this.#workers, { worker, named, made, blocks, sha256 })
      } finally {
        this.#shelf.putBack(blocks)
      }
    })
  }

  #requireLength(announced: Announced, { headers }: IncomingMessage): void {
    const declared = headers['content-length']
    if (declared === undefined) {
      throw new RequestError(411, new MiberaError('USAGE', 'the length of the slice is not declared'))
    }
    const wanted = announced.named.slice.byteLength
    if (Number(declared) === wanted) return
    const error = struck(this.#workers, announced, `it has ${wanted} bytes, not ${declared}`)
    throw Number(declared) > wanted ? new RequestError(413, error) : error
  }
}

function isWanted({ active, id: { tensor, slice } }: NamedSlice): boolean {
  return active.conversion.wanted({ tensor, firstSlice: slice, slices: 1 }).some((id) => id.tensor === tensor)
}
