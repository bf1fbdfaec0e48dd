import type { Segment } from '../plan/slices.ts'

export type Run = Pick<Segment, 'source' | 'offset' | 'byteLength'>

/**
 * The same bytes in the fewest reads: segments sorted by their places, neighbours joined. Where rows were interleaved,
 * each is a segment by itself, though together they are one stretch of the file.
 */
export function runsOf(segments: readonly Segment[]): Run[] {
  const sorted = segments.toSorted((a, b) => a.source - b.source || a.offset - b.offset)
  const runs: Run[] = []
  for (const { source, offset, byteLength } of sorted) {
    const last = runs.at(-1)
    if (last !== undefined && last.source === source && last.offset + last.byteLength === offset) {
      runs[runs.length - 1] = { ...last, byteLength: last.byteLength + byteLength }
    } else {
      runs.push({ source, offset, byteLength })
    }
  }
  return runs
}
