import { createHash } from 'node:crypto'
import { alignUp } from '../base/checked.ts'
import { MiberaError } from '../base/errors.ts'
import type { ByteSource } from '../disk/byte-source.ts'
import { type GgmlType, rowBytes } from '../formats/ggml/block-types.ts'
import { Kernels } from '../quant/kernels.ts'
import { findOverflow } from '../quant/overflow.ts'
import type { BlockSink } from './block-sink.ts'
import { isCopied, needsWidening } from './copied-tensors.ts'
import { measureError, nothingCompared } from './measure-error.ts'
import type {
  CheckJob,
  CheckResult,
  MadeSlice,
  QuantizeJob,
  QuantizeResult,
  QuantizeTarget,
  ScanJob,
  ScanResult,
  SliceInput,
  WorkerSetup,
} from './protocol.ts'
import { blockAlignment, reserveBuffers, type SliceBuffers, type ThreadBuffers } from './slice-buffers.ts'

/** Source files or what stands for them, numbered as in `Plan.sources`; undefined for those no longer needed. */
export type Sources = (ByteSource | undefined)[]

/** Where a slice's weights are as F32, once they had to be brought there and were found to be finite. */
interface Seen {
  weights?: number
}

interface Made {
  readonly target: QuantizeTarget
  readonly blocks: Uint8Array<ArrayBuffer>
  readonly slice: MadeSlice
}

/**
 * What one worker thread does with slices. Reading and handing on are asynchronous and computing is not, so while the
 * kernels run on one slice, the system already brings in the next: callers hand in as many jobs as there are slots.
 */
export class SliceRunner {
  readonly #kernels: Kernels
  readonly #buffers: ThreadBuffers
  readonly #free: SliceBuffers[]
  readonly #waiting: ((slot: SliceBuffers) => void)[] = []
  readonly #sources: Sources
  readonly #sink: BlockSink

  constructor(setup: WorkerSetup, sources: Sources, sink: BlockSink) {
    this.#kernels = new Kernels(setup.kernels)
    this.#buffers = reserveBuffers(this.#kernels, setup.room)
    this.#free = [...this.#buffers.slots]
    this.#sources = sources
    this.#sink = sink
  }

  quantize(job: QuantizeJob): Promise<QuantizeResult> {
    return this.#inSlot((slot) => this.#quantize(job, slot))
  }

  check(job: CheckJob): Promise<CheckResult> {
    return this.#inSlot((slot) => this.#check(job, slot))
  }

  scan(job: ScanJob): Promise<ScanResult> {
    return this.#inSlot((slot) => this.#scan(job, slot))
  }

  async release(source: number): Promise<null> {
    await this.#sources[source]?.close()
    this.#sources[source] = undefined
    return null
  }

  async #inSlot<Result>(work: (slot: SliceBuffers) => Promise<Result>): Promise<Result> {
    const slot = this.#free.pop() ?? (await new Promise<SliceBuffers>((resolve) => this.#waiting.push(resolve)))
    try {
      return await work(slot)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free.push(slot)
      else next(slot)
    }
  }

  async #quantize(job: QuantizeJob, slot: SliceBuffers): Promise<QuantizeResult> {
    const begun = performance.now()
    await this.#read(job, slot)
    const computing = performance.now()
    const seen: Seen = {}
    const made: Made[] = []
    // The time of the thread: what it computed, not what it waited for beside another slice's computing.
    let since = job.input.kind === 'values' ? begun : computing
    let address = slot.blocks
    for (const [index, target] of job.targets.entries()) {
      const result = this.#make(target, job, { source: slot.source, blocks: address }, seen)
      if (result === undefined) return { outcome: 'non-finite' }
      if ('row' in result) return { outcome: 'overflow', target: index, row: result.row }
      const now = performance.now()
      made.push({ target, blocks: result.blocks, slice: { ...result.facts, milliseconds: now - since } })
      since = now
      address += alignUp(target.byteLength, blockAlignment)
    }
    // All are made before any is handed on: meanwhile another slice's weights come into the same work area.
    for (const { target, blocks, slice } of made) await this.#sink.put(target, blocks, slice)
    return { outcome: 'written', made: made.map(({ slice }) => slice) }
  }

  /**
   * What is made of a job's rows for one target; `undefined` when some weights are NaN or infinite, and the first row
   * where a scale is beyond half precision.
   */
  #make(
    { type, byteLength }: QuantizeTarget,
    job: QuantizeJob,
    slot: SliceBuffers,
    seen: Seen,
  ): { blocks: Uint8Array<ArrayBuffer>; facts: Omit<MadeSlice, 'milliseconds'> } | { row: number } | undefined {
    const { rows, columns } = job
    const made = this.#blocks({ ...job, type }, slot, seen)
    if (made === undefined) return undefined
    const blocks = new Uint8Array(this.#kernels.memory.buffer, made.at, byteLength)
    const overflow = findOverflow(type, blocks)
    if (overflow !== undefined) return { row: Math.floor(overflow / columns) }
    const { weights } = made
    const error =
      weights === undefined
        ? nothingCompared
        : measureError(
            this.#kernels,
            { type, rows, columns },
            { weights, blocks: made.at, restored: this.#buffers.restored },
          )
    return { blocks, facts: { sha256: createHash('sha256').update(blocks).digest(), ...error } }
  }

  async #check(job: CheckJob, slot: SliceBuffers): Promise<CheckResult> {
    await this.#read(job, slot)
    const made = this.#blocks(job, slot, {})
    if (made === undefined) return { same: false }
    const own = new Uint8Array(this.#kernels.memory.buffer, made.at, job.blocks.length)
    return { same: findOverflow(job.type, own) === undefined && Buffer.compare(own, job.blocks) === 0 }
  }

  async #scan(job: ScanJob, slot: SliceBuffers): Promise<ScanResult> {
    await this.#read(job, slot)
    const weights = this.#floats(job, slot)
    let count = 0
    let firstRow = -1
    for (let row = 0; row < job.rows; row++) {
      const inRow = this.#kernels.countNonFinite(weights + row * job.columns * 4, job.columns)
      if (inRow > 0 && firstRow < 0) firstRow = row
      count += inRow
    }
    return { count, firstRow }
  }

  /**
   * Where a slice's blocks are, and its weights as F32 where they had to be looked at; `undefined` when some of them are
   * NaN or infinite. Rows of the output's own type are left as they are.
   */
  #blocks(
    job: SliceInput & { readonly type: GgmlType },
    slot: SliceBuffers,
    seen: Seen,
  ): { at: number; weights?: number } | undefined {
    const copied = isCopied(job)
    if (copied && job.type !== 'F32' && !needsWidening(job.type, job.type)) return { at: slot.source }
    const weights = this.#finiteFloats(job, slot, seen)
    if (weights === undefined) return undefined
    if (copied) return { at: slot.source, weights }
    this.#kernels.quantize(job.type, weights, slot.blocks, job.weights)
    return { at: slot.blocks, weights }
  }

  /** Widens and looks through the weights once, however much is made of them. */
  #finiteFloats(job: SliceInput, slot: SliceBuffers, seen: Seen): number | undefined {
    if (seen.weights !== undefined) return seen.weights
    const weights = this.#floats(job, slot)
    if (this.#kernels.countNonFinite(weights, job.weights) > 0) return undefined
    seen.weights = weights
    return weights
  }

  async #read({ input, rows, weights }: SliceInput, slot: SliceBuffers): Promise<void> {
    const { buffer } = this.#kernels.memory
    if (input.kind === 'values') {
      new Float32Array(buffer, slot.source, weights).set(input.values)
      return
    }
    const bytes = new Uint8Array(buffer, slot.source, rows * rowBytes(input.dtype, weights / rows))
    for (const { source, offset, byteLength, target } of input.segments) {
      const file = this.#sources[source]
      if (file === undefined) throw new MiberaError('INTERNAL', `source ${source} was released, but is needed again`)
      await file.read(bytes.subarray(target, target + byteLength), offset)
    }
  }

  /** Address of the slice's weights as F32. */
  #floats({ input, weights }: SliceInput, slot: SliceBuffers): number {
    if (input.kind === 'values' || input.dtype === 'F32') return slot.source
    this.#kernels.dequantize(input.dtype, slot.source, this.#buffers.widened, weights)
    return this.#buffers.widened
  }
}
