import { rowBytes } from '../../../formats/ggml/block-types.ts'
import type { Plan } from '../../../plan/plan.ts'

interface Interval {
  readonly first: number
  /** One past the last. */
  readonly end: number
}

/** Which bytes of a plan's sources belong to its tensors: all else in those files is nobody's business. */
export class SourceRanges {
  /** By source; in order, apart from each other. */
  readonly #intervals: readonly (readonly Interval[])[]

  constructor(plan: Plan) {
    const found: Interval[][] = plan.sources.map(() => [])
    for (const { source, columns } of plan.tensors) {
      if (source.kind !== 'rows') continue
      const bytes = rowBytes(source.dtype, columns)
      for (const range of source.ranges) {
        found[range.source]?.push({ first: range.offset, end: range.offset + range.rows * bytes })
      }
    }
    this.#intervals = found.map(join)
  }

  /** Whether all bytes from `first` to `last`, both included, belong to tensors. */
  covers(source: number, first: number, last: number): boolean {
    const intervals = this.#intervals[source] ?? []
    let low = 0
    let high = intervals.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((intervals[middle] as Interval).end <= first) low = middle + 1
      else high = middle
    }
    const found = intervals[low]
    return found !== undefined && found.first <= first && first <= last && last < found.end
  }
}

/** Neighbours and what overlaps become one. */
function join(intervals: readonly Interval[]): Interval[] {
  const joined: Interval[] = []
  for (const next of [...intervals].sort((one, other) => one.first - other.first)) {
    const last = joined.at(-1)
    if (last === undefined || next.first > last.end) joined.push(next)
    else joined[joined.length - 1] = { first: last.first, end: Math.max(last.end, next.end) }
  }
  return joined
}
