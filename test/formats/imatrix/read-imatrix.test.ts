import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readImatrix } from '#dist/formats/imatrix/read-imatrix.js'
import { ggufImatrix, i32, legacyImatrix, measuredTensors, usualMetadata } from '../../helpers/imatrix-files.ts'
import { memorySource } from '../../helpers/memory-source.ts'

const entries = [
  { name: 'blk.0.attn_q.weight', sums: [1, 2, 0, 1e30], counts: [3] },
  { name: 'blk.0.ffn_down.weight', sums: [5, 0.1], counts: [7] },
]
const thirds = [Math.fround(1 / 3), Math.fround(2 / 3), 0, Math.fround(Math.fround(1e30) / 3)]
const sevenths = [Math.fround(5 / 7), Math.fround(Math.fround(0.1) / 7)]

const forms = {
  'a GGUF': ggufImatrix(measuredTensors(entries)),
  'a .dat': legacyImatrix(entries),
}

describe.each(Object.entries(forms))('%s', (_, bytes) => {
  test('gives the mean squares that llama-quantize computes from it, on shared memory', async () => {
    const imatrix = await readImatrix(memorySource(bytes))
    expect([...imatrix.entries.keys()]).toEqual(entries.map(({ name }) => name))
    expect([...(imatrix.entries.get('blk.0.attn_q.weight') ?? [])]).toEqual(thirds)
    expect([...(imatrix.entries.get('blk.0.ffn_down.weight') ?? [])]).toEqual(sevenths)
    expect(imatrix.entries.get('blk.0.attn_q.weight')?.buffer).toBeInstanceOf(SharedArrayBuffer)
  })

  test('tells on what it was measured, and its digest', async () => {
    const { datasets, chunks, sha256 } = await readImatrix(memorySource(bytes))
    expect({ datasets, chunks }).toEqual({ datasets: ['wiki.train.raw'], chunks: 7 })
    expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
  })
})

test('each expert has its own count, and one that was never chosen counts alike everywhere', async () => {
  const experts = [{ name: 'blk.0.ffn_up_exps.weight', sums: [8, 4, 9, 9, 3, 1], counts: [4, 0, 2] }]
  const imatrix = await readImatrix(memorySource(ggufImatrix(measuredTensors(experts))))
  expect([...(imatrix.entries.get('blk.0.ffn_up_exps.weight') ?? [])]).toEqual([2, 1, 1, 1, 1.5, 0.5])
})

test('a .dat keeps the sums of what was never measured', async () => {
  const bytes = legacyImatrix([{ name: 'a', sums: [3, 4], counts: [0] }])
  expect([...((await readImatrix(memorySource(bytes))).entries.get('a') ?? [])]).toEqual([3, 4])
})

test('counts of a GGUF are rounded to whole numbers, as llama-quantize does', async () => {
  const bytes = ggufImatrix(measuredTensors([{ name: 'a', sums: [3, 4], counts: [1.5] }]))
  expect([...((await readImatrix(memorySource(bytes))).entries.get('a') ?? [])]).toEqual([1.5, 2])
})

test('other tensors of a GGUF are left alone, such as sums that are not of squares', async () => {
  const more = { name: 'blk.0.attn_q.weight.in_sum', shape: [1, 4], bytes: Buffer.alloc(16, 255) }
  const imatrix = await readImatrix(memorySource(ggufImatrix([more, ...measuredTensors(entries)])))
  expect(imatrix.entries.size).toBe(2)
})

test('a GGUF need not say that it is one of the type "imatrix"', async () => {
  const { type: _, ...rest } = usualMetadata
  expect((await readImatrix(memorySource(ggufImatrix(measuredTensors(entries), rest)))).chunks).toBe(7)
})

test('the first .dat files ended with the last entry, or with the number of chunks', async () => {
  const bytes = legacyImatrix(entries, 'none')
  expect(await readImatrix(memorySource(bytes))).toMatchObject({ datasets: [], chunks: 0 })
  const withChunks = Buffer.concat([bytes, i32(12)])
  expect(await readImatrix(memorySource(withChunks))).toMatchObject({ datasets: [], chunks: 12 })
})
