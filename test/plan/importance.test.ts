import { expect, test } from 'vitest'
import { readImatrix } from '#dist/formats/imatrix/read-imatrix.js'
import { guidedTypes, importanceMetadata, importanceOf, plannedImportance } from '#dist/plan/importance.js'
import { recipeDecides } from '#dist/quant/type-options.js'
import { ggufImatrix, measuredTensors, usualMetadata } from '../helpers/imatrix-files.ts'
import { memorySource } from '../helpers/memory-source.ts'

const entries = [
  { name: 'blk.0.ffn_up_exps.weight', sums: [1, 2, 3, 4, 5, 6], counts: [1, 1] },
  { name: 'token_embd.weight', sums: [1, 2], counts: [1] },
]

async function given(file: string, metadata: Partial<typeof usualMetadata> = {}) {
  const bytes = ggufImatrix(measuredTensors(entries), { ...usualMetadata, ...metadata })
  return { file, imatrix: await readImatrix(memorySource(bytes)) }
}

async function recorded(file: string, metadata: Partial<typeof usualMetadata> = {}) {
  return importanceMetadata(plannedImportance(await given(file, metadata))).map(([key, { type, value }]) => [
    key,
    type,
    value,
  ])
}

test('the metadata is what llama-quantize records', async () => {
  expect(await recorded('calibration.gguf', { datasets: ['a.txt', 'b.txt'] })).toEqual([
    ['quantize.imatrix.file', 'string', 'calibration.gguf'],
    ['quantize.imatrix.dataset', 'string', 'a.txt'],
    ['quantize.imatrix.entries_count', 'u32', 2],
    ['quantize.imatrix.chunks_count', 'u32', 7],
  ])
})

test('what is not known is not recorded', async () => {
  const keys = (await recorded('i.gguf', { datasets: [], chunkCount: 0 })).map(([key]) => key)
  expect(keys).toEqual(['quantize.imatrix.file', 'quantize.imatrix.entries_count'])
})

test('of long names the first 127 bytes are recorded, without half a character at the end', async () => {
  expect((await recorded('x'.repeat(200)))[0]?.[2]).toBe('x'.repeat(127))
  expect((await recorded(`${'x'.repeat(126)}é`))[0]?.[2]).toBe('x'.repeat(126))
})

const rows = { kind: 'rows', names: [], dtype: 'F32', ranges: [], transform: { kind: 'none' } } as const
const experts = { name: 'blk.0.ffn_up_exps.weight', shape: [2, 8, 3], source: rows }

test('a tensor of experts has values for each of them', async () => {
  const importance = importanceOf(await given('i'), 'Q4_K_M', { ...experts, type: 'Q4_K' })
  expect([...(importance ?? [])]).toEqual([1, 2, 3, 4, 5, 6])
})

test('types that llama.cpp chooses without importances have none, nor has what is only copied', async () => {
  expect(importanceOf(await given('i'), 'Q8_0', { ...experts, type: 'Q8_0' })).toBeUndefined()
  const copied = { ...experts, type: 'Q4_K', source: { ...rows, dtype: 'Q4_K' } } as const
  expect(importanceOf(await given('i'), 'Q4_K_M', copied)).toBeUndefined()
})

test('values of another number are refused with both numbers, for whatever type is wanted', async () => {
  const matrix = await given('i.gguf')
  for (const type of ['Q4_K', 'F16'] as const) {
    expect(() => importanceOf(matrix, 'Q4_K_M', { ...experts, shape: [4, 8, 3], type })).toThrow(
      'i.gguf has 6 values for blk.0.ffn_up_exps.weight, which needs 3 for each of 4 experts',
    )
  }
  expect(() => importanceOf(matrix, 'Q4_K_M', { ...experts, shape: [8, 3], type: 'Q4_K' })).toThrow('needs 3')
})

test('the rules hear of the values that a tensor has', async () => {
  const embedding = (columns: number) => [{ name: 'token_embd.weight', shape: [8, columns] }]
  const matrix = await given('i.gguf')
  expect(guidedTypes(recipeDecides, embedding(2), matrix).hasImportance?.('token_embd.weight')).toBe(true)
  expect(guidedTypes(recipeDecides, embedding(2), matrix).hasImportance?.('output.weight')).toBe(false)
  // Values of another number for the embedding are not used, as in llama.cpp.
  expect(guidedTypes(recipeDecides, embedding(3), matrix).hasImportance?.('token_embd.weight')).toBe(false)
  expect(guidedTypes(recipeDecides, embedding(2), undefined).hasImportance).toBeUndefined()
})

test('blocks that can only be chosen by importances are refused without, whatever asked for them', async () => {
  const output = { name: 'output.weight', shape: [8, 256], source: rows, type: 'IQ2_XXS' } as const
  for (const matrix of [await given('i.gguf'), undefined]) {
    expect(() => importanceOf(matrix, 'IQ2_XXS', output)).toThrow(/IQ2_XXS stores output.weight as IQ2_XXS/)
  }
})
