import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { MiberaError } from '../base/errors.ts'
import type { ByteSource } from '../disk/byte-source.ts'
import { openLocalFile } from '../disk/local-file.ts'
import { bytesPerElement } from '../formats/safetensors/dtype.ts'
import { Kernels } from '../quant/kernels.ts'
import { findOverflow } from '../quant/overflow.ts'
import { digestRange } from './digest-range.ts'
import { measureError } from './measure-error.ts'
import type {
  Job,
  JobResults,
  QuantizeJob,
  QuantizeResult,
  ScanJob,
  ScanResult,
  SliceInput,
  WorkerSetup,
} from './protocol.ts'
import { reserveBuffers, type SliceBuffers, type ThreadBuffers } from './slice-buffers.ts'

/**
 * What one worker thread does. Reading and writing are asynchronous and computing is not, so while the kernels run on
 * one slice, the operating system already brings in the next: callers hand in as many jobs as there are slots.
 */
export class SliceRunner {
  readonly #kernels: Kernels
  readonly #buffers: ThreadBuffers
  readonly #free: SliceBuffers[]
  readonly #waiting: ((slot: SliceBuffers) => void)[] = []
  readonly #sources: (ByteSource | undefined)[]
  readonly #output: FileHandle

  private constructor(
    kernels: Kernels,
    buffers: ThreadBuffers,
    sources: (ByteSource | undefined)[],
    output: FileHandle,
  ) {
    this.#kernels = kernels
    this.#buffers = buffers
    this.#free = [...buffers.slots]
    this.#sources = sources
    this.#output = output
  }

  static async open(setup: WorkerSetup): Promise<SliceRunner> {
    const kernels = new Kernels(setup.kernels)
    const buffers = reserveBuffers(kernels, setup.room)
    const sources = await Promise.all(
      setup.sources.map((path) => (path === undefined ? undefined : openLocalFile(path))),
    )
    return new SliceRunner(kernels, buffers, sources, await open(setup.output, 'r+'))
  }

  async run(job: Job): Promise<JobResults[Job['kind']]> {
    if (job.kind === 'release') return this.#release(job.source)
    if (job.kind === 'digest') return digestRange(this.#output, job)
    const slot = this.#free.pop() ?? (await new Promise<SliceBuffers>((resolve) => this.#waiting.push(resolve)))
    try {
      return job.kind === 'quantize' ? await this.#quantize(job, slot) : await this.#scan(job, slot)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free.push(slot)
      else next(slot)
    }
  }

  async #release(source: number): Promise<null> {
    await this.#sources[source]?.close()
    this.#sources[source] = undefined
    return null
  }

  async #quantize(job: QuantizeJob, slot: SliceBuffers): Promise<QuantizeResult> {
    const begun = performance.now()
    await this.#read(job, slot)
    const computing = performance.now()
    const weights = this.#floats(job, slot)
    if (this.#kernels.countNonFinite(weights, job.weights) > 0) return { outcome: 'non-finite' }
    this.#kernels.quantize(job.type, weights, slot.blocks, job.weights)
    const blocks = new Uint8Array(this.#kernels.memory.buffer, slot.blocks, job.byteLength)
    const overflow = findOverflow(job.type, blocks)
    if (overflow !== undefined) return { outcome: 'overflow', row: Math.floor(overflow / job.columns) }
    const error = measureError(this.#kernels, job, { weights, blocks: slot.blocks, restored: this.#buffers.restored })
    const sha256 = createHash('sha256').update(blocks).digest()
    const computed = performance.now()
    await writeFully(this.#output, blocks, job.offset)
    // The time of the thread: what it computed, not what it waited for beside another slice's computing.
    const milliseconds = job.input.kind === 'values' ? computed - begun : computed - computing
    return { outcome: 'written', sha256, ...error, milliseconds }
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

  async #read({ input, weights }: SliceInput, slot: SliceBuffers): Promise<void> {
    const { buffer } = this.#kernels.memory
    if (input.kind === 'values') {
      new Float32Array(buffer, slot.source, weights).set(input.values)
      return
    }
    const bytes = new Uint8Array(buffer, slot.source, weights * bytesPerElement(input.dtype))
    for (const { source, offset, byteLength, target } of input.segments) {
      const file = this.#sources[source]
      if (file === undefined) throw new MiberaError('INTERNAL', `source ${source} was released, but is needed again`)
      await file.read(bytes.subarray(target, target + byteLength), offset)
    }
  }

  /** Address of the slice's weights as F32. */
  #floats({ input, weights }: SliceInput, slot: SliceBuffers): number {
    if (input.kind === 'values' || input.dtype === 'F32') return slot.source
    this.#kernels.widen(input.dtype, slot.source, this.#buffers.widened, weights)
    return this.#buffers.widened
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
  }
}
