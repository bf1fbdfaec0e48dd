import type { Plan } from '../plan/plan.ts'
import { sliceCount } from '../plan/slices.ts'
import type { SliceRange } from './engine.ts'
import type { SliceId } from './slice-id.ts'

/** Numbers all slices of a plan in the order of the file, from 0. */
export class SliceNumbers {
  /** How many slices the plan has. */
  readonly count: number
  /** Number of each tensor's first slice. */
  readonly #first: readonly number[]

  constructor({ tensors }: Pick<Plan, 'tensors'>) {
    let count = 0
    this.#first = tensors.map((tensor) => {
      const first = count
      count += sliceCount(tensor)
      return first
    })
    this.count = count
  }

  /** Only for slices that the plan {@link has}. */
  of({ tensor, slice }: SliceId): number {
    return (this.#first[tensor] ?? this.count) + slice
  }

  /** Of those slices of a range that the plan has. */
  within({ tensor, firstSlice, slices }: SliceRange): number[] {
    const last = Math.min(firstSlice + slices, this.slicesOf(tensor))
    const first = this.of({ tensor, slice: firstSlice })
    return Array.from({ length: Math.max(0, last - firstSlice) }, (_, index) => first + index)
  }

  idOf(number: number): SliceId {
    // The last tensor that begins at or before it.
    let low = 0
    let high = this.#first.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((this.#first[middle] ?? 0) <= number) low = middle
      else high = middle - 1
    }
    return { tensor: low, slice: number - (this.#first[low] ?? 0) }
  }

  /** 0 for a tensor that the plan does not have. */
  slicesOf(tensor: number): number {
    return (this.#first[tensor + 1] ?? this.count) - (this.#first[tensor] ?? this.count)
  }

  has({ tensor, slice }: SliceId): boolean {
    return slice >= 0 && slice < this.slicesOf(tensor)
  }
}
