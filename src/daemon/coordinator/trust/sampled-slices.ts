import type { OpenConversion } from '../../../convert/engine.ts'
import type { SliceId } from '../../../convert/slice-id.ts'

/** A slice that was taken of a worker, and for what. */
export interface TakenSlice {
  readonly conversion: Pick<OpenConversion, 'retake'>
  readonly id: SliceId
}

/** Slices of a tensor are fewer than this, and tensors of a plan so many that a double still tells all of them apart. */
const slicesOfTensor = 2 ** 32

/**
 * What was taken of one worker after no more than a sample, of the conversion that it works on. A number for each: a
 * plan may have a million slices.
 */
export class SampledSlices {
  #conversion: TakenSlice['conversion'] | undefined
  #ids: number[] = []

  add({ conversion, id }: TakenSlice): void {
    if (conversion !== this.#conversion) {
      // The one before has ended: its file was read back and published, or its bookmarks are checked by nobody any more.
      this.#conversion = conversion
      this.#ids = []
    }
    this.#ids.push(id.tensor * slicesOfTensor + id.slice)
  }

  /** Has all of them made again. Returns how many those are. */
  retake(): number {
    const ids = this.#ids.map((number) => ({
      tensor: Math.floor(number / slicesOfTensor),
      slice: number % slicesOfTensor,
    }))
    this.#ids = []
    return ids.length === 0 ? 0 : (this.#conversion?.retake(ids) ?? 0)
  }
}
