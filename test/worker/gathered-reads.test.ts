import { describe, expect, it } from 'vitest'
import type { PlannedTensor } from '#dist/plan/plan.js'
import { sliceCount, sliceOf, sliceSegments } from '#dist/plan/slices.js'
import { runsOf } from '#dist/worker/gathered-reads.js'

/** Query weights of a Llama: rows of each head in the order of llama.cpp's rope. */
function queries(columns: number, heads: number, headSize: number): PlannedTensor {
  const rows = heads * headSize
  return {
    name: 'blk.0.attn_q.weight',
    shape: [rows, columns],
    rows,
    columns,
    type: 'F32',
    reason: '',
    fallback: undefined,
    file: 0,
    offset: 0,
    byteLength: rows * columns * 4,
    source: {
      kind: 'rows',
      names: ['q'],
      dtype: 'BF16',
      ranges: [{ source: 0, offset: 1000, rows }],
      transform: { kind: 'rope-interleave', heads },
    },
  }
}

describe('reads of rows in another order', () => {
  it.each([
    // Slices of whole heads are one stretch each; where a slice ends within a head, its two halves are two more.
    [4096, 32, 128, 1],
    [5120, 40, 128, 5],
    [8192, 64, 128, 1],
  ])('are few for %i columns and %i heads', (columns, heads, headSize, most) => {
    const tensor = queries(columns, heads, headSize)
    for (let slice = 0; slice < sliceCount(tensor); slice++) {
      const segments = sliceSegments(tensor, sliceOf(tensor, slice))
      const runs = runsOf(segments)
      expect(runs.length).toBeLessThanOrEqual(most)
      // Exactly the same bytes, no more.
      const sum = (parts: readonly { readonly byteLength: number }[]) =>
        parts.reduce((total, { byteLength }) => total + byteLength, 0)
      expect(sum(runs)).toBe(sum(segments))
      for (const { offset, byteLength } of segments) {
        expect(runs.some((run) => offset >= run.offset && offset + byteLength <= run.offset + run.byteLength)).toBe(
          true,
        )
      }
    }
  })

  it('never join what is of two sources, or has bytes between', () => {
    const segments = [
      { source: 1, offset: 10, byteLength: 10, target: 0 },
      { source: 0, offset: 0, byteLength: 10, target: 10 },
      { source: 0, offset: 11, byteLength: 5, target: 20 },
    ]
    expect(runsOf(segments)).toEqual([
      { source: 0, offset: 0, byteLength: 10 },
      { source: 0, offset: 11, byteLength: 5 },
      { source: 1, offset: 10, byteLength: 10 },
    ])
  })
})
