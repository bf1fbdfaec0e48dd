import type { FileHandle } from 'node:fs/promises'
import { alignUp } from '../base/checked.ts'
import { Kernels } from '../quant/kernels.ts'
import { findOverflow } from '../quant/overflow.ts'
import { BlockMaker, type RowsInMemory } from './block-maker.ts'
import type { BlockSink } from './block-sink.ts'
import { BufferShelf } from './buffer-shelf.ts'
import { compareWritten } from './compare-written.ts'
import { isCopied } from './copied-tensors.ts'
import type {
  CheckJob,
  CheckResult,
  MadeSlice,
  QuantizeJob,
  QuantizeResult,
  QuantizeTarget,
  ReadBackJob,
  ReadBackResult,
  ScanJob,
  ScanResult,
  WorkerSetup,
} from './protocol.ts'
import { RowReader, type Sources } from './row-reader.ts'
import { blockAlignment, reserveBuffers } from './slice-buffers.ts'

interface Made {
  readonly target: QuantizeTarget
  readonly blocks: Uint8Array<ArrayBuffer>
  readonly slice: MadeSlice
}

/**
 * What one worker thread does with slices. Reading and handing on are asynchronous and computing is not: while the
 * kernels run on one slice, the system brings in the next and writes the one before. The rows of a slice make room for
 * others as soon as its blocks are made, so callers hand in more jobs than there are buffers.
 */
export class SliceRunner {
  readonly #kernels: Kernels
  readonly #maker: BlockMaker
  readonly #rowBuffers: BufferShelf
  readonly #blockBuffers: BufferShelf
  readonly #sources: Sources
  readonly #reader: RowReader
  readonly #sink: BlockSink

  constructor(setup: WorkerSetup, sources: Sources, sink: BlockSink) {
    this.#kernels = new Kernels(setup.kernels)
    const { rows, blocks, areas } = reserveBuffers(this.#kernels, setup.room)
    this.#maker = new BlockMaker(this.#kernels, areas)
    this.#rowBuffers = new BufferShelf(rows)
    this.#blockBuffers = new BufferShelf(blocks)
    this.#sources = sources
    this.#reader = new RowReader(this.#kernels.memory, sources)
    this.#sink = sink
  }

  quantize(job: QuantizeJob): Promise<QuantizeResult> {
    return this.#withRows(async (source, giveBack) => {
      const begun = performance.now()
      // Rows that become blocks as they are, are not gone through band by band.
      const isCopy = job.targets.some(({ type }) => isCopied({ type, input: job.input }))
      const bring = isCopy ? undefined : this.#reader.bringing(job, source)
      if (bring === undefined) await this.#reader.readAll(job, source)
      const reading = performance.now() - begun
      const blocks = await this.#blockBuffers.take()
      try {
        const made = this.#make({ ...job, source, bring }, blocks)
        if ('outcome' in made) return made
        // What was not copied no longer needs the rows.
        if (made.every((one) => one.blocks.byteOffset !== source)) giveBack()
        // Values are no file: to bring them in is work of this thread.
        const slices = job.input.kind === 'values' ? alsoTook(reading, made) : made
        for (const one of slices) await this.#sink.put(one.target, one.blocks, one.slice)
        return { outcome: 'written', made: slices.map(({ slice }) => slice) }
      } finally {
        this.#blockBuffers.give(blocks)
      }
    })
  }

  check(job: CheckJob): Promise<CheckResult> {
    return this.#withRows(async (source) => {
      await this.#reader.readAll(job, source)
      const blocks = await this.#blockBuffers.take()
      try {
        const { type, importance } = job
        const [made] = this.#maker.make({ ...job, source }, [{ type, importance, blocks }]) ?? []
        if (made === undefined) return { same: false }
        const own = new Uint8Array(this.#kernels.memory.buffer, made.at, job.blocks.length)
        return { same: findOverflow(job.type, own) === undefined && Buffer.compare(own, job.blocks) === 0 }
      } finally {
        this.#blockBuffers.give(blocks)
      }
    })
  }

  scan(job: ScanJob): Promise<ScanResult> {
    return this.#withRows(async (source) => {
      await this.#reader.readAll(job, source)
      const perRow = [...this.#maker.nonFinite({ ...job, source })]
      return { count: perRow.reduce((sum, count) => sum + count, 0), firstRow: perRow.findIndex((count) => count > 0) }
    })
  }

  readBack(job: ReadBackJob, file: FileHandle): Promise<ReadBackResult> {
    return compareWritten(job, file, { kernels: this.#kernels, buffers: this.#blockBuffers })
  }

  async release(source: number): Promise<null> {
    await this.#sources[source]?.close()
    this.#sources[source] = undefined
    return null
  }

  /** @param work may give the buffer back before it ends. */
  async #withRows<Result>(work: (source: number, giveBack: () => void) => Promise<Result>): Promise<Result> {
    const source = await this.#rowBuffers.take()
    let held = true
    const giveBack = () => {
      if (held) this.#rowBuffers.give(source)
      held = false
    }
    try {
      return await work(source, giveBack)
    } finally {
      giveBack()
    }
  }

  /** What is made of a job's rows, target by target; or why nothing of it may be used. */
  #make(job: QuantizeJob & RowsInMemory, blocks: number): Made[] | Exclude<QuantizeResult, { outcome: 'written' }> {
    let address = blocks
    const targets = job.targets.map((target) => {
      const begin = address
      address += alignUp(target.byteLength, blockAlignment)
      return { type: target.type, importance: target.importance, blocks: begin }
    })
    const results = this.#maker.make(job, targets)
    if (results === undefined) return { outcome: 'non-finite' }
    const made: Made[] = []
    for (const [index, target] of job.targets.entries()) {
      const result = results[index]
      if (result === undefined) throw new RangeError(`nothing was made for target ${index}`)
      const begun = performance.now()
      const bytes = new Uint8Array(this.#kernels.memory.buffer, result.at, target.byteLength)
      const overflow = findOverflow(target.type, bytes)
      if (overflow !== undefined) {
        return { outcome: 'overflow', target: index, row: Math.floor(overflow / job.columns) }
      }
      const checksum = this.#kernels.checksum(result.at, target.byteLength)
      const milliseconds = result.milliseconds + performance.now() - begun
      made.push({ target, blocks: bytes, slice: { checksum, ...result.error, milliseconds } })
    }
    return made
  }
}

/** The first of what was made of the rows took the time that all of it took. */
function alsoTook(milliseconds: number, [first, ...others]: readonly Made[]): Made[] {
  if (first === undefined) return []
  const slice = { ...first.slice, milliseconds: first.slice.milliseconds + milliseconds }
  return [{ ...first, slice }, ...others]
}
