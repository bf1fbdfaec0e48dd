import type { GgmlType } from '../../../formats/ggml/block-types.ts'

/** Slices that must be found right as a whole before samples do: about as many as a job has. */
const slicesOfTrial = 16

/**
 * How closely the results of one worker are looked at: its first job as a whole, and the first slice of every type, so
 * that each kernel was seen to work there; then one row of each slice that it cannot foresee. After a wrong result the
 * trial begins anew.
 */
export class CheckPolicy {
  readonly #proven = new Set<GgmlType>()
  #trial = slicesOfTrial

  checkFor(type: GgmlType): 'sample' | 'whole' {
    return this.#trial > 0 || !this.#proven.has(type) ? 'whole' : 'sample'
  }

  wasRight(type: GgmlType, check: 'sample' | 'whole'): void {
    if (check === 'sample') return
    this.#proven.add(type)
    if (this.#trial > 0) this.#trial--
  }

  distrust(): void {
    this.#proven.clear()
    this.#trial = slicesOfTrial
  }
}
