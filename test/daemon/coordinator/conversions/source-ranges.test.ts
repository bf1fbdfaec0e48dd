import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SourceRanges } from '#dist/daemon/coordinator/conversions/source-ranges.js'
import type { Plan } from '#dist/plan/plan.js'
import { sliceCount, sliceOf, sliceSegments } from '#dist/plan/slices.js'
import { narrow, smallPlan, sourceSize, wide } from '../../../helpers/coordinator-plan.ts'

/** A plan that has only what says where its bytes lie: tensors of one row of F32. */
function planOf(sources: number, places: readonly { source: number; offset: number; columns: number }[]): Plan {
  const tensors = places.map(({ source, offset, columns }) => ({
    ...{ rows: 1, columns },
    source: { kind: 'rows', dtype: 'F32', ranges: [{ source, offset, rows: 1 }] },
  }))
  return { sources: Array.from({ length: sources }), tensors } as unknown as Plan
}

test('exactly the bytes that belong to tensors are covered, whatever their places', () => {
  const place = fc.record({
    source: fc.nat(2),
    offset: fc.nat(100),
    columns: fc.integer({ min: 1, max: 10 }),
  })
  fc.assert(
    fc.property(
      fc.array(place, { maxLength: 12 }),
      fc.nat(3),
      fc.nat(150),
      fc.nat(30),
      (places, source, first, more) => {
        const belongs = (byte: number) =>
          places.some((at) => at.source === source && at.offset <= byte && byte < at.offset + at.columns * 4)
        const bytes = Array.from({ length: more + 1 }, (_, index) => first + index)
        expect(new SourceRanges(planOf(3, places)).covers(source, first, first + more)).toBe(bytes.every(belongs))
      },
    ),
    { numRuns: 2000 },
  )
})

test('what a slice reads is covered; the header, the gaps, the end and other sources are not', () => {
  const plan = smallPlan({ path: '/nowhere' })
  const ranges = new SourceRanges(plan)
  for (const tensor of plan.tensors.filter(({ source }) => source.kind === 'rows')) {
    for (let slice = 0; slice < sliceCount(tensor); slice++) {
      for (const { source, offset, byteLength } of sliceSegments(tensor, sliceOf(tensor, slice))) {
        expect(ranges.covers(source, offset, offset + byteLength - 1)).toBe(true)
      }
    }
  }
  const foreign: [number, number, number][] = [
    [0, 0, 0],
    [0, wide.first - 1, wide.first],
    [0, wide.end - 1, wide.end],
    [0, wide.end, wide.end],
    [0, wide.first, narrow.end - 1],
    [0, narrow.end - 1, narrow.end],
    [0, 0, sourceSize - 1],
    [0, wide.first + 5, wide.first + 4],
    [1, wide.first, wide.first],
    [-1, wide.first, wide.first],
    [0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [0, Number.NaN, Number.NaN],
  ]
  for (const range of foreign) expect(ranges.covers(...range)).toBe(false)
})
