import { mkdir, readFile, rename, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type GgufValue, i32s, string, strings, u32 } from '#dist/formats/gguf/values.js'
import { convertGguf, planGguf } from '../helpers/convert-gguf.ts'
import { llamaMetadata, llamaTensors, writeFilledGguf, writeSplitGguf } from '../helpers/filled-gguf.ts'
import { refusal } from '../helpers/refusal.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const folder = suiteFolder()
const tensors = llamaTensors('F16')
const halves = [tensors.slice(0, 5), tensors.slice(5)]
const number = (type: 'u16' | 'i32' | 'f32', value: number): GgufValue => ({ type, value })

function without(key: string): Map<string, GgufValue> {
  const metadata = llamaMetadata()
  metadata.delete(key)
  return metadata
}

test.each([
  ['no architecture', without('general.architecture'), /does not say its general.architecture/],
  ['an architecture that is a number', llamaMetadata([['general.architecture', u32(1)]]), /general.architecture/],
  ['an architecture without a name', llamaMetadata([['general.architecture', string('')]]), /general.architecture/],
  ['no number of layers', without('llama.block_count'), /does not say its llama.block_count/],
  [
    'the figures of another architecture',
    llamaMetadata([['general.architecture', string('qwen2')]]),
    /qwen2.block_count/,
  ],
  ['layers in words', llamaMetadata([['llama.block_count', string('two')]]), /"llama.block_count" is "two"/],
  ['a negative number of layers', llamaMetadata([['llama.block_count', number('i32', -1)]]), /is -1, not a number/],
  ['half a layer', llamaMetadata([['llama.block_count', number('f32', 0.5)]]), /is 0.5/],
  ['2^63 layers', llamaMetadata([['llama.block_count', { type: 'u64', value: 2n ** 63n }]]), /is 9223372036854775808/],
  ['an empty list of heads', llamaMetadata([['llama.attention.head_count', i32s([])]]), /head_count" is an empty list/],
  ['heads in words', llamaMetadata([['llama.attention.head_count_kv', strings(['x'])]]), /head_count_kv" is "x"/],
  ['experts not counted', llamaMetadata([['llama.expert_count', number('f32', Number.NaN)]]), /expert_count" is NaN/],
])('a GGUF with %s is no model', async (_, metadata, says) => {
  const path = join(folder(), 'unfit.gguf')
  await writeFilledGguf(path, metadata, tensors)
  const error = await refusal(planGguf(path, 'Q4_K_M'))
  expect(error).toMatchObject({ code: 'GGUF_MALFORMED', subject: path, message: expect.stringMatching(says) })
})

test('a GGUF without tensors is no model', async () => {
  const path = join(folder(), 'empty.gguf')
  await writeFilledGguf(path, llamaMetadata(), [])
  expect(await refusal(planGguf(path, 'Q4_K_M'))).toMatchObject({
    code: 'GGUF_MALFORMED',
    message: expect.stringMatching(/no tensors/),
  })
})

test('a name that llama.cpp cannot read is refused before anything is written', async () => {
  const path = join(folder(), 'name.gguf')
  const name = 'x'.repeat(63)
  await writeFilledGguf(path, llamaMetadata(), [...tensors, { name, shape: [1], type: 'F32' }])
  const bytes = await readFile(path)
  const at = bytes.indexOf(name) - 8
  bytes.writeUInt32LE(64, at)
  await writeFile(
    path,
    Buffer.concat([bytes.subarray(0, at + 8), Buffer.from('x'), bytes.subarray(at + 8), Buffer.alloc(64)]),
  )
  expect((await refusal(planGguf(path, 'Q4_K_M'))).message).toMatch(/has 64 bytes; llama.cpp reads 63/)
})

test('an alignment of half a gigabyte, to which header and tensors would be padded', async () => {
  const path = join(folder(), 'aligned.gguf')
  await writeFilledGguf(path, llamaMetadata([['general.alignment', u32(32)]]), tensors.slice(0, 1))
  const bytes = await readFile(path)
  bytes.writeUInt32LE(2 ** 29, bytes.indexOf('general.alignment') + 'general.alignment'.length + 4)
  await writeFile(path, bytes)
  await truncate(path, 2 ** 30)
  const error = await refusal(planGguf(path, 'Q4_K_M'))
  expect(error).toMatchObject({ code: 'GGUF_MALFORMED', message: expect.stringMatching(/aligned to 536870912 bytes/) })
})

test('a truncated file names the tensor that is cut', async () => {
  const path = join(folder(), 'cut.gguf')
  await writeFilledGguf(path, llamaMetadata(), tensors)
  await truncate(path, (await readFile(path)).length - 64)
  const error = await refusal(planGguf(path, 'Q4_K_M'))
  expect(error).toMatchObject({
    code: 'GGUF_MALFORMED',
    message: expect.stringMatching(/"output.weight" has \d+ bytes/),
  })
})

test('a folder, a file of nothing and a file that is not there, by the name of a GGUF', async () => {
  await mkdir(join(folder(), 'folder.gguf'))
  await writeFile(join(folder(), 'nothing.gguf'), '')
  expect((await refusal(planGguf(join(folder(), 'folder.gguf'), 'Q4_K_M'))).code).toBe('NO_SAFETENSORS')
  expect((await refusal(planGguf(join(folder(), 'nothing.gguf'), 'Q4_K_M'))).code).toBe('GGUF_MALFORMED')
  expect((await refusal(planGguf(join(folder(), 'none.gguf'), 'Q4_K_M'))).code).toBe('IO')
  expect((await refusal(planGguf(join(folder(), 'nothing.gguf', 'x.gguf'), 'Q4_K_M'))).code).toBe('IO')
})

test('weights that are integers are refused by name', async () => {
  const path = join(folder(), 'integers.gguf')
  await writeFilledGguf(path, llamaMetadata(), [
    ...tensors,
    { name: 'blk.0.table.weight', shape: [2, 256], type: 'I32' },
  ])
  const error = await refusal(convertGguf(path, 'Q4_K_M', join(folder(), 'out.gguf')))
  expect(error).toMatchObject({ code: 'TYPE_UNSUPPORTED', subject: 'blk.0.table.weight', message: /is I32/ })
})

test.each([
  ['F16', 'Q4_K_M', 'blk.1.ffn_up.weight', /holds 1 NaN or infinite weight, in row 0/],
  ['F16', 'F16', 'blk.1.ffn_up.weight', /holds 1 NaN or infinite weight, in row 0/],
  ['Q8_0', 'Q4_K_M', 'blk.1.ffn_up.weight', /holds 32 NaN or infinite weights, the first in row 0/],
  ['Q8_0', 'Q8_0', 'blk.1.ffn_up.weight', /holds Q8_0 blocks with an infinite or NaN scale, the first in row 0/],
] as const)('an infinite %s is not converted to %s', async (from, to, name, says) => {
  const path = join(folder(), `infinite-${from}.gguf`)
  await writeFilledGguf(path, llamaMetadata(), llamaTensors(from))
  const bytes = await readFile(path)
  const { tensors: planned } = await planGguf(path, 'F32', { allowRequantize: true })
  const found = planned.find((tensor) => tensor.name === name)?.source
  if (found?.kind !== 'rows') throw new Error('no rows')
  bytes.writeUInt16LE(0x7c00, found.ranges[0]?.offset ?? 0)
  await writeFile(path, bytes)
  const error = await refusal(
    convertGguf(path, to, join(folder(), `out-${from}-${to}.gguf`), { allowRequantize: true }),
  )
  expect(error).toMatchObject({ code: 'TENSOR_NON_FINITE', subject: name, message: expect.stringMatching(says) })
})

/** Two files of one model, in a folder of their own. */
async function twoFiles(metadata = llamaMetadata(), parts = halves): Promise<[string, string]> {
  return (await writeSplitGguf(join(await temporaryFolder(), 'model'), metadata, parts)) as [string, string]
}

test('of several files one is missing, or a link to nothing', async () => {
  const [first, second] = await twoFiles()
  await rename(second, `${second}.part`)
  const error = await refusal(planGguf(first, 'Q4_K_M'))
  expect(error).toMatchObject({ code: 'SHARDS_MISSING', message: '1 of 2 files is missing: model-00002-of-00002.gguf' })
  if (process.platform === 'win32') return
  await symlink(join(second, '..', 'gone'), second)
  expect((await refusal(planGguf(first, 'Q4_K_M'))).code).toBe('SHARDS_MISSING')
})

test('of several files one is a folder, another model, or the first once more', async () => {
  const [first, second] = await twoFiles()
  await rename(second, `${second}.kept`)
  await mkdir(second)
  expect((await refusal(planGguf(first, 'Q4_K_M'))).code).toBe('IO')
  await rename(second, `${second}.folder`)
  await writeFilledGguf(second, llamaMetadata(), halves[1] ?? [])
  const alone = await refusal(planGguf(first, 'Q4_K_M'))
  expect(alone).toMatchObject({
    code: 'GGUF_MALFORMED',
    message: expect.stringMatching(/file 2 of 2, but it says to be a file of its own/),
  })
  await writeFile(second, await readFile(first))
  const twice = await refusal(planGguf(first, 'Q4_K_M'))
  expect(twice).toMatchObject({ code: 'GGUF_MALFORMED', message: expect.stringMatching(/says to be file 1 of 2/) })
})

test('several files with another name, another number of tensors, or one tensor twice', async () => {
  const [first] = await twoFiles()
  const renamed = join(first, '..', 'renamed.gguf')
  await rename(first, renamed)
  expect((await refusal(planGguf(renamed, 'Q4_K_M'))).message).toMatch(/not called NAME-00001-of-00002.gguf/)

  const [repeated] = await twoFiles(llamaMetadata(), [tensors.slice(0, 5), tensors.slice(4)])
  expect(await refusal(planGguf(repeated, 'Q4_K_M'))).toMatchObject({
    code: 'TENSOR_UNEXPECTED',
    message: expect.stringMatching(/both in model-00001-of-00002.gguf and in model-00002-of-00002.gguf/),
  })

  const [fewer, second] = await twoFiles()
  const parts = await writeSplitGguf(join(await temporaryFolder(), 'model'), llamaMetadata(), [
    tensors.slice(0, 5),
    tensors.slice(6),
  ])
  await writeFile(second, await readFile(parts[1] ?? ''))
  expect((await refusal(planGguf(fewer, 'Q4_K_M'))).message).toMatch(/have 19 tensors together, they have 18/)
})

test('a file that says to be one of 2^16 is not looked for', async () => {
  const path = join(folder(), 'many.gguf')
  const keys: [string, GgufValue][] = [
    ['split.no', number('u16', 0)],
    ['split.count', u32(2 ** 16)],
  ]
  await writeFilledGguf(path, llamaMetadata(keys), tensors)
  expect((await refusal(planGguf(path, 'Q4_K_M'))).message).toMatch(/one of 65536 files; 65535 are possible/)
})
