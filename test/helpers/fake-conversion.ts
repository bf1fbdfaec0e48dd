import { setImmediate } from 'node:timers/promises'
import type { OpenConversion, SliceRange, Taken } from '#dist/convert/engine.js'
import type { SliceId } from '#dist/convert/slice-id.js'
import type { Plan } from '#dist/plan/plan.js'

/**
 * A conversion without a file: it wants all slices that it is asked about until they are delivered by
 * {@link deliver}, kept here, or {@link fail} is called.
 */
export class FakeConversion implements OpenConversion {
  readonly key: string
  readonly plan = { tensors: [] } as unknown as Plan
  readonly part = '/nowhere'
  readonly delivered = new Set<string>()
  /** Slices that other machines could not make. */
  readonly keptHere = new Set<string>()
  readonly #waiting = new Map<() => void, SliceRange>()
  #failure: unknown

  constructor(key = '1-0123456789abcdef') {
    this.key = key
  }

  wanted({ tensor, firstSlice, slices }: SliceRange): SliceId[] {
    return Array.from({ length: slices }, (_, index) => ({ tensor, slice: firstSlice + index })).filter(({ slice }) => {
      const name = `${tensor}/${slice}`
      return !this.delivered.has(name) && !this.keptHere.has(name)
    })
  }

  async settled(job: SliceRange): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (this.#failure === undefined && this.wanted(job).length > 0) return
        this.#waiting.delete(look)
        if (this.#failure === undefined) resolve()
        else reject(this.#failure)
      }
      this.#waiting.set(look, job)
      look()
    })
  }

  async take({ tensor, slice }: SliceId): Promise<Taken> {
    await setImmediate()
    this.deliver({ tensor, slice })
    return 'accepted'
  }

  retake(): number {
    return 0
  }

  makeHere({ tensor, slice }: SliceId): void {
    this.keptHere.add(`${tensor}/${slice}`)
    this.#look({ tensor, slice })
  }

  deliver({ tensor, slice }: SliceId): void {
    this.delivered.add(`${tensor}/${slice}`)
    this.#look({ tensor, slice })
  }

  fail(error: unknown): void {
    this.#failure = error
    this.#look()
  }

  #look(id?: SliceId): void {
    for (const [look, { tensor, firstSlice, slices }] of [...this.#waiting]) {
      const concerned = tensor === id?.tensor && id.slice >= firstSlice && id.slice < firstSlice + slices
      if (id === undefined || concerned) look()
    }
  }
}

/** The slices of one job: 16 of the first tensor. */
export const jobRange = (number: number): SliceRange => ({ tensor: 0, firstSlice: number * 16, slices: 16 })

/** The first jobs of a conversion. */
export const jobRanges = (count: number): SliceRange[] => Array.from({ length: count }, (_, number) => jobRange(number))

/** Does what a worker does, without bytes. */
export function making(conversion: FakeConversion) {
  return async (range: SliceRange) => {
    for (const id of conversion.wanted(range)) conversion.deliver(id)
  }
}
