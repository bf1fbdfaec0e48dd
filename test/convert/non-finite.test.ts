import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { RecipeName } from '#dist/quant/recipes.js'
import { bf16Bits, f16Bits } from '../../fixtures/half-floats.ts'
import type { WeightFormat } from '../../fixtures/weights.ts'
import { planFolder } from '../helpers/convert-folder.ts'
import { runToEnd } from '../helpers/partial-run.ts'
import { refusal } from '../helpers/refusal.ts'
import { pokeWeight } from '../helpers/shard-surgery.ts'
import { smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const folder = (dtype: WeightFormat) => join(root(), dtype)
const shard = (dtype: WeightFormat) => join(folder(dtype), 'model.safetensors')
const output = () => join(root(), 'out', 'small.gguf')
const columns = smallShape.hidden
/** Three slices of 2048 rows. */
const embedding = { name: 'model.embed_tokens.weight', rows: 6000 }
const moment = new Date(1_700_000_000_000)

const sound = new Map<WeightFormat, Buffer>()

/** A model of sound weights; written once, and then restored to that. */
async function writeModel(dtype: WeightFormat): Promise<void> {
  const weights = sound.get(dtype)
  if (weights === undefined) {
    await writeSmallModel(folder(dtype), { dtype }, { ...smallShape, vocabulary: embedding.rows, layers: 1 })
    sound.set(dtype, await readFile(shard(dtype)))
  } else await writeFile(shard(dtype), weights)
  await utimes(shard(dtype), moment, moment)
}

/** The bytes of a number in a source; NaN and infinities included. */
function encode(value: number, dtype: WeightFormat): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(Float32Array.of(value).buffer)
  const infinite = dtype === 'F16' ? 0x7c00 : 0x7f80
  if (Number.isNaN(value)) return new Uint8Array(Uint16Array.of(infinite | 1).buffer)
  if (!Number.isFinite(value)) return new Uint8Array(Uint16Array.of(infinite | (value < 0 ? 0x8000 : 0)).buffer)
  return new Uint8Array(Uint16Array.of(dtype === 'F16' ? f16Bits(value) : bf16Bits(value)).buffer)
}

async function poke(dtype: WeightFormat, tensor: string, row: number, column: number, value: number): Promise<void> {
  await pokeWeight(shard(dtype), tensor, row * columns + column, encode(value, dtype))
  // As bad memory or a bad disk would: without a trace in the times.
  await utimes(shard(dtype), moment, moment)
}

async function convertAs(recipe: RecipeName, dtype: WeightFormat = 'F32') {
  return runToEnd(await planFolder(folder(dtype), recipe), output())
}

beforeEach(async () => {
  await rm(join(root(), 'out'), { recursive: true, force: true })
  await mkdir(join(root(), 'out'))
})

describe.each(['F32', 'F16', 'BF16'] as const)('weights of %s', (dtype) => {
  test('a single NaN in the middle of a large tensor is named with its row', async () => {
    await writeModel(dtype)
    await poke(dtype, embedding.name, 3000, 77, Number.NaN)
    const error = await refusal(convertAs('Q3_K_M', dtype))
    expect(error.code).toBe('TENSOR_NON_FINITE')
    expect(error.subject).toBe('token_embd.weight')
    expect(error.message).toBe(
      'model.embed_tokens.weight holds 1 NaN or infinite weight, in row 3000 of token_embd.weight',
    )
    expect(existsSync(output())).toBe(false)
  })

  test('all that are NaN or infinite are counted, from the first row on', async () => {
    await writeModel(dtype)
    await poke(dtype, embedding.name, 5999, columns - 1, Number.NEGATIVE_INFINITY)
    await poke(dtype, embedding.name, 2047, 0, Number.POSITIVE_INFINITY)
    await poke(dtype, embedding.name, 2047, 1, Number.NaN)
    const error = await refusal(convertAs('Q4_K_M', dtype))
    expect(error.code).toBe('TENSOR_NON_FINITE')
    expect(error.message).toContain('holds 3 NaN or infinite weights, the first in row 2047 of token_embd.weight')
  })
})

test.each(['F32', 'F16', 'BF16', 'Q8_0', 'Q6_K', 'Q2_K'] as const)('no recipe lets a NaN pass: %s', async (recipe) => {
  await writeModel('F32')
  await poke('F32', 'model.layers.0.mlp.gate_up_proj.weight', 5, 5, Number.NaN)
  expect((await refusal(convertAs(recipe))).message).toContain('in row 5 of blk.0.ffn_up.weight')
})

test('a NaN among the norms, which are stored as they are, is found too', async () => {
  await writeModel('F32')
  await poke('F32', 'model.norm.weight', 0, 9, Number.NaN)
  expect((await refusal(convertAs('Q4_K_M'))).subject).toBe('output_norm.weight')
})

test('with sound weights back in their place, what was made before is used again', async () => {
  await writeModel('F32')
  const expected = (await convertAs('Q4_K_M')).sha256
  await rm(join(root(), 'out'), { recursive: true })
  await mkdir(join(root(), 'out'))
  await poke('F32', 'lm_head.weight', 1, 1, Number.NaN)
  expect((await refusal(convertAs('Q4_K_M'))).subject).toBe('output.weight')
  await writeModel('F32')
  const run = await convertAs('Q4_K_M')
  expect(run.kept).toBeGreaterThan(0)
  expect(run.sha256).toBe(expected)
})

describe('weights beyond what the scales of a type hold', () => {
  test.each([
    ['F16', 70_000],
    ['Q8_0', 1e9],
    ['Q6_K', 1e12],
    ['Q4_K_S', 1e12],
    ['Q2_K', 1e12],
  ] as const)('%s: refused with tensor and row, not stored as infinity', async (recipe, weight) => {
    await writeModel('F32')
    await poke('F32', 'model.layers.0.mlp.gate_up_proj.weight', 1234, 100, weight)
    const error = await refusal(convertAs(recipe))
    expect(error.code).toBe('TENSOR_OVERFLOW')
    expect(error.subject).toBe('blk.0.ffn_up.weight')
    expect(error.message).toContain('row 1234 of blk.0.ffn_up.weight')
    expect(existsSync(output())).toBe(false)
  })

  test.each(['BF16', 'F32'] as const)('%s: what the message advises works', async (recipe) => {
    await writeModel('F32')
    await poke('F32', 'model.layers.0.mlp.gate_up_proj.weight', 1234, 100, 1e30)
    await convertAs(recipe)
  })
})
