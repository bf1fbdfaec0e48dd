import type { OpenConversion } from '../../convert/engine.ts'
import type { SliceId } from '../../convert/slice-id.ts'

/** A slice that was taken of a worker, and for what. */
export interface TakenSlice {
  readonly conversion: Pick<OpenConversion, 'retake'>
  readonly id: SliceId
}

/** What was taken of one worker after no more than a sample, of the conversion that it works on. */
export class SampledSlices {
  #conversion: TakenSlice['conversion'] | undefined
  #ids: SliceId[] = []

  add({ conversion, id }: TakenSlice): void {
    if (conversion !== this.#conversion) {
      // The one before has ended: its file was read back and published, or its bookmarks are checked by nobody any more.
      this.#conversion = conversion
      this.#ids = []
    }
    this.#ids.push(id)
  }

  /** Has all of them made again. Returns how many those are. */
  retake(): number {
    const ids = this.#ids
    this.#ids = []
    return ids.length === 0 ? 0 : (this.#conversion?.retake(ids) ?? 0)
  }
}
