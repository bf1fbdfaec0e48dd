import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openGguf } from '#dist/formats/gguf/open-gguf.js'
import { readGguf } from '#dist/formats/gguf/reader.js'
import { type GgufValue, i32s, string, u32 } from '#dist/formats/gguf/values.js'
import { describeGguf } from '#dist/model/describe-gguf.js'
import { planGguf } from '../helpers/convert-gguf.ts'
import { llamaMetadata, llamaTensors, writeFilledGguf, writeSplitGguf } from '../helpers/filled-gguf.ts'
import { memorySource } from '../helpers/memory-source.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const folder = suiteFolder()
const file = (name: string) => join(folder(), name)

async function dimensions(more: [string, GgufValue][], without: readonly string[] = []) {
  const metadata = llamaMetadata(more)
  for (const key of without) metadata.delete(key)
  await writeFilledGguf(file('figures.gguf'), metadata, llamaTensors('F16'))
  return describeGguf(await openGguf(file('figures.gguf'))).dimensions
}

test('the figures that decide types stand in the metadata, one for all layers or one for each', async () => {
  const expected = { layers: 2, heads: 4, kvHeads: 1, headSize: 64, hidden: 256, feedForward: 256, vocabulary: 24 }
  expect(await dimensions([])).toEqual({ ...expected, experts: 0 })
  const lists: [string, GgufValue][] = [
    ['llama.attention.head_count', i32s([8, 4])],
    ['llama.attention.head_count_kv', { type: 'array', of: 'u64', value: [2n, 1n] }],
    ['llama.expert_count', u32(8)],
  ]
  expect(await dimensions(lists)).toMatchObject({ heads: 8, kvHeads: 2, experts: 8, headSize: 32 })
  expect(await dimensions([], ['llama.attention.head_count_kv'])).toMatchObject({ heads: 4, kvHeads: 4 })
  const none = await dimensions([], ['llama.attention.head_count', 'llama.attention.head_count_kv', 'llama.vocab_size'])
  expect(none).toMatchObject({ heads: 0, kvHeads: 0, headSize: 0, vocabulary: 24 })
})

test('tensors stand by layer and name, as today’s llama-quantize has them; as in the source under b3613', async () => {
  const tensors = llamaTensors('F16').toReversed()
  await writeFilledGguf(file('order.gguf'), llamaMetadata(), tensors)
  const latest = await planGguf(file('order.gguf'), 'Q4_K_M')
  const names = latest.tensors.map(({ name }) => name)
  expect(names.slice(0, 4)).toEqual(['output.weight', 'output_norm.weight', 'token_embd.weight', 'blk.0.attn_k.weight'])
  const b3613 = await planGguf(file('order.gguf'), 'Q4_K_M', { mix: 'b3613' })
  expect(b3613.tensors.map(({ name }) => name)).toEqual(tensors.map(({ name }) => name))
})

test('metadata is passed on in its order, but for what the recipe decides and the places of several files', async () => {
  const own = llamaMetadata([
    ['general.file_type', u32(1)],
    ['general.quantization_version', u32(1)],
    ['last', string('of its own, with a NUL: \0, which llama.cpp would cut')],
  ])
  const tensors = llamaTensors('F16')
  const [first = ''] = await writeSplitGguf(file('several'), own, [tensors.slice(0, 2), tensors.slice(2)])
  const { files } = await planGguf(first, 'Q4_K_M')
  const header = files[0]?.header ?? new Uint8Array()
  const { metadata } = await readGguf(memorySource(header, files[0]?.size))
  const expected = [...own].filter(([key]) => !/file_type|quantization_version/.test(key))
  expect([...metadata]).toEqual([...expected, ['general.quantization_version', u32(2)], ['general.file_type', u32(15)]])
})
