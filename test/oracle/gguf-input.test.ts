import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import { convert } from '#dist/convert/convert.js'
import { planPaths } from '#dist/convert/output-paths.js'
import type { GgufTensorInfo } from '#dist/formats/gguf/layout.js'
import { bool, f32, type GgufValue, i32s, string, strings, u32 } from '#dist/formats/gguf/values.js'
import { type RecipeName, recipeNames } from '#dist/quant/recipes.js'
import { convertFolder, convertOptions, planOutputs } from '../helpers/convert-folder.ts'
import { convertGguf, planGguf } from '../helpers/convert-gguf.ts'
import { llamaMetadata, llamaTensors, writeFilledGguf, writeSplitGguf } from '../helpers/filled-gguf.ts'
import { ggufDifferences } from '../helpers/gguf-differences.ts'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { fileTypes, openQuantizer, type Quantizer } from '../helpers/llama-runtime.ts'
import { refusal } from '../helpers/refusal.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const libraries = oracleLibraries()
const long = process.env.MIBERA_LONG === '1'

const recipes = recipeNames.filter((name) => name in fileTypes)

/** Compared for every source; the others for one, or with MIBERA_LONG=1 for all. */
const everywhere: readonly RecipeName[] = ['Q2_K', 'Q3_K_M', 'Q4_K_M', 'Q6_K', 'Q8_0', 'IQ4_XS', 'F16', 'F32']

describe.skipIf('missing' in libraries)('a GGUF converted by us and by llama_model_quantize', () => {
  const folder = suiteFolder()
  const file = (name: string) => join(folder(), name)
  let llama: Quantizer
  beforeAll(() => {
    llama = openQuantizer()
  })
  afterAll(() => llama.stop())

  /** What differs between the two files, for all of these recipes. */
  async function differing(source: string, types: readonly RecipeName[], allowRequantize = false): Promise<string[]> {
    const found: string[] = []
    for (const type of types) {
      const [ours, theirs] = [file(`ours-${type}.gguf`), file(`theirs-${type}.gguf`)]
      const quantize = () => llama.quantize(source, theirs, { ftype: type as keyof typeof fileTypes, allowRequantize })
      if (await needsImportance(source, type, allowRequantize)) {
        await expect(quantize(), type).rejects.toThrow(/imatrix/)
        continue
      }
      await quantize()
      await convertGguf(source, type, ours, { allowRequantize }, { force: true })
      for (const difference of await ggufDifferences(ours, theirs)) found.push(`${type}: ${difference}`)
    }
    return found
  }

  describe('of a model with its tokenizer, first written by us from safetensors', () => {
    beforeAll(async () => {
      await writeSmallModel(file('model'), { layout: 'split', dtype: 'BF16' })
      await convertFolder(file('model'), 'F32', file('f32.gguf'))
    })

    test('is the same file to the last byte', async () => {
      expect(await differing(file('f32.gguf'), ['Q4_K_M', 'F16'])).toEqual([])
    })
  })

  describe('of small matrices', () => {
    const quantized = ['Q8_0', 'Q4_K_M', 'Q6_K'] as const
    beforeAll(async () => {
      await writeFilledGguf(file('small.gguf'), llamaMetadata(), llamaTensors())
      for (const ftype of ['F32', 'F16', 'BF16', ...quantized] as const) {
        await llama.quantize(file('small.gguf'), file(`small-${ftype}.gguf`), { ftype })
      }
    })

    test.each(['F32', 'F16', 'BF16'] as const)('written by llama.cpp as %s: the same files', async (dtype) => {
      expect(await differing(file(`small-${dtype}.gguf`), dtype === 'F16' || long ? recipes : everywhere)).toEqual([])
    })

    test.each(quantized)('quantized already, to %s: the same files', async (type) => {
      const from = file(`small-${type}.gguf`)
      expect(await differing(from, long ? recipes : everywhere, true)).toEqual([])
      const again = await refusal(convertGguf(from, 'Q3_K_M', file('refused.gguf')))
      expect(again).toMatchObject({ code: 'REQUANTIZE_REFUSED', hint: expect.stringContaining('--allow-requantize') })
      await expect(llama.quantize(from, file('refused.gguf'), { ftype: 'Q3_K_M' })).rejects.toThrow(/requantizing from/)
    })

    test('to the type that it has: copied, without leave to quantize anew', async () => {
      expect(await differing(file('small-Q4_K_M.gguf'), ['Q4_K_M'])).toEqual([])
    })

    test('to two types in one pass, copied for one and quantized anew for the other: the same files', async () => {
      const plan = await planOutputs(file('small-Q8_0.gguf'), ['Q8_0', 'Q4_K_M'], { allowRequantize: true })
      await convert(plan, convertOptions(file('pass.gguf')))
      for (const [index, { output }] of planPaths(plan, file('pass.gguf')).entries()) {
        const ftype = (['Q8_0', 'Q4_K_M'] as const)[index] ?? 'F32'
        await llama.quantize(file('small-Q8_0.gguf'), file('theirs.gguf'), { ftype, allowRequantize: true })
        expect(await ggufDifferences(output, file('theirs.gguf')), ftype).toEqual([])
      }
    })

    test('in several files: one file, the same', async () => {
      const tensors = llamaTensors()
      const parts = [tensors.slice(0, 3), tensors.slice(3, 4), tensors.slice(4)]
      const [first = ''] = await writeSplitGguf(
        file('several'),
        llamaMetadata([['general.name', string('of three')]]),
        parts,
      )
      expect(await differing(first, ['Q4_K_M', 'Q8_0', 'F32'])).toEqual([])
    })
  })

  describe('of what is rare', () => {
    const metadata = llamaMetadata([
      ['general.file_type', u32(0)],
      ['llama.attention.head_count', i32s([4, 8])],
      ['llama.attention.head_count_kv', i32s([1, 2])],
      ['general.quantization_version', u32(1)],
      ['test.text', string('é \ufeff 𝄞')],
      ['test.empty', string('')],
      ['test.tags', strings(['a', '', '日本'])],
      ['test.none', strings([])],
      ['test.noNumbers', i32s([])],
      ...(['u8', 'i8', 'u16', 'i16', 'u32', 'i32'] as const).flatMap((type): [string, GgufValue][] => [
        [`test.${type}`, { type, value: 7 }],
        [`test.${type}s`, { type: 'array', of: type, value: [1, 2, 3] }],
      ]),
      ...(['u64', 'i64'] as const).flatMap((type): [string, GgufValue][] => [
        [`test.${type}`, { type, value: 2n ** 62n + 1n }],
        [`test.${type}s`, { type: 'array', of: type, value: [1n, 2n ** 60n + 1n] }],
      ]),
      ['test.f32', f32(0.1)],
      ['test.f32s', { type: 'array', of: 'f32', value: [Number.POSITIVE_INFINITY, -0, 1e-40] }],
      ['test.f64', { type: 'f64', value: 0.1 }],
      ['test.f64s', { type: 'array', of: 'f64', value: [0.1, 5e-324] }],
      ['test.bool', bool(true)],
      ['test.bools', { type: 'array', of: 'bool', value: [true, false] }],
      ['split.count', { type: 'u16', value: 1 }],
      ['split.no', { type: 'u16', value: 0 }],
    ])
    const rare: GgufTensorInfo[] = [
      { name: 'blk.1.indices', shape: [3, 7], type: 'I32' },
      { name: 'blk.1.bytes', shape: [5], type: 'I8' },
      { name: 'blk.0.shorts', shape: [2, 5], type: 'I16' },
      { name: 'blk.0.longs', shape: [2, 2, 5], type: 'I64' },
      { name: 'blk.1.doubles.bias', shape: [1], type: 'F64' },
      { name: 'blk.0.halves_norm.weight', shape: [2, 33], type: 'F16' },
      { name: 'blk.0.row.weight', shape: [1, 256], type: 'BF16' },
      { name: 'blk.0.flat.weight', shape: [1, 1, 1], type: 'F32' },
      { name: 'blk.0.stack.weight', shape: [3, 2, 256], type: 'F16' },
      { name: 'blk.1.pile.bias', shape: [2, 1, 5, 256], type: 'F32' },
      { name: 'blk.1.high.weight', shape: [2, 1, 256], type: 'F32' },
      { name: 'blk.1.narrow.weight', shape: [4, 96], type: 'BF16' },
      { name: 'blk.1.odd.weight', shape: [4, 33], type: 'F32' },
    ]

    test('metadata of all types; tensors of integers, single rows, stacks, odd widths: the same files', async () => {
      await writeFilledGguf(file('rare.gguf'), metadata, [...rare, ...llamaTensors('F16').toReversed()])
      expect(await differing(file('rare.gguf'), ['Q4_K_M', 'Q3_K_M', 'F32'])).toEqual([])
    })

    test('eight experts in each layer: the same files, their matrices quantized one by one', async () => {
      const experts = [0, 1].flatMap((layer) => [
        { name: `blk.${layer}.ffn_gate_inp.weight`, shape: [8, 256], type: 'F32' as const },
        ...['gate', 'up', 'down'].map((part) => ({
          ...{ name: `blk.${layer}.ffn_${part}_exps.weight`, shape: [8, 3, 256], type: 'BF16' as const },
        })),
      ])
      const keys = llamaMetadata([
        ['llama.expert_count', u32(8)],
        ['llama.expert_used_count', u32(2)],
      ])
      await writeFilledGguf(file('experts.gguf'), keys, [...experts, ...llamaTensors('BF16')])
      expect(await differing(file('experts.gguf'), ['Q4_K_M', 'Q2_K', 'Q3_K_M', 'IQ3_M', 'MXFP4_MOE'])).toEqual([])
    })

    test('an architecture that mibera knows nothing of: the same files', async () => {
      const keys = llamaMetadata([['general.architecture', string('falcon')]])
      for (const [key, value] of [...keys]) {
        if (key.startsWith('llama.')) keys.set(key.replace('llama', 'falcon'), value)
      }
      keys.set('falcon.attention.layer_norm_epsilon', f32(1e-5))
      await writeFilledGguf(file('falcon.gguf'), keys, llamaTensors('F16'))
      expect(await differing(file('falcon.gguf'), ['Q4_K_M', 'Q3_K_L'])).toEqual([])
    })

    test('another alignment: kept, where llama.cpp writes a file that it cannot read', async () => {
      await writeFilledGguf(file('wide.gguf'), llamaMetadata([['general.alignment', u32(64)]]), [
        ...rare,
        ...llamaTensors(),
      ])
      await convertGguf(file('wide.gguf'), 'Q4_K_M', file('ours-wide.gguf'))
      await llama.quantize(file('wide.gguf'), file('theirs-wide.gguf'), { ftype: 'Q4_K_M' })
      await expect(llama.quantize(file('theirs-wide.gguf'), file('x.gguf'), { ftype: 'Q4_K_M' })).rejects.toThrow()
      await llama.quantize(file('ours-wide.gguf'), file('x.gguf'), { ftype: 'Q4_K_M' })
      const types = async (path: string) => (await planGguf(path, 'F32', { allowRequantize: true })).tensors.length
      expect(await types(file('ours-wide.gguf'))).toBe([...rare, ...llamaTensors()].length)
    })

    test('a place among several files that the file does not have: refused by both', async () => {
      const paths = await writeSplitGguf(file('halves'), llamaMetadata(), [
        llamaTensors().slice(0, 4),
        llamaTensors().slice(4),
      ])
      await expect(llama.quantize(paths[1] ?? '', file('x.gguf'), { ftype: 'Q4_K_M' })).rejects.toThrow(/split/)
      expect(await refusal(planGguf(paths[1] ?? '', 'Q4_K_M'))).toMatchObject({ code: 'USAGE' })
      await rename(paths[1] ?? '', file('gone.gguf'))
      await expect(llama.quantize(paths[0] ?? '', file('x.gguf'), { ftype: 'Q4_K_M' })).rejects.toThrow()
      expect(await refusal(planGguf(paths[0] ?? '', 'Q4_K_M'))).toMatchObject({ code: 'SHARDS_MISSING' })
    })
  })
})

async function needsImportance(source: string, type: RecipeName, allowRequantize: boolean): Promise<boolean> {
  try {
    await planGguf(source, type, { allowRequantize })
    return false
  } catch (error) {
    if (error instanceof MiberaError && error.code === 'IMPORTANCE_MISSING') return true
    throw error
  }
}
