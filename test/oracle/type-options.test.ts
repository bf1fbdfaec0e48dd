import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blockTypes, type GgmlType } from '#dist/formats/ggml/block-types.js'
import type { JobOptions } from '#dist/jobs/job-options.js'
import { readPlanRequest } from '#dist/jobs/read-plan-request.js'
import { type RecipeName, recipe } from '#dist/quant/recipes.js'
import { convertFolder } from '../helpers/convert-folder.ts'
import { convertGguf } from '../helpers/convert-gguf.ts'
import { ggufDifferences } from '../helpers/gguf-differences.ts'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { type fileTypes, openQuantizer, type QuantizeOptions, type Quantizer } from '../helpers/llama-runtime.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const libraries = oracleLibraries()
const id = (type: GgmlType): number => blockTypes[type].id

interface Case {
  readonly type: RecipeName
  /** As a job stores them. */
  readonly ours: JobOptions
  readonly theirs: Omit<QuantizeOptions, 'ftype'>
}

const overrideKv = [
  'general.name=str:Renamed',
  'tokenizer.ggml.add_bos_token=bool:false',
  'llama.context_length=int:-2048',
  'llama.rope.freq_base=float:12345.678',
  'my.own.key=int:7',
  'general.file_type=int:3',
]

const ruling = ['llama.block_count=int:9', 'llama.attention.head_count_kv=int:1']

const cases: Record<string, Case> = {
  'patterns, of which two fit some tensors': {
    type: 'Q4_K_M',
    ours: {
      types: {
        tensorTypes: [
          ['blk\\.0\\.attn_[qk]', 'Q8_0'],
          ['attn', 'IQ4_NL'],
          ['ffn_down', 'F16'],
        ],
      },
    },
    theirs: {
      lists: {
        tensorTypes: [
          ['blk\\.0\\.attn_[qk]', id('Q8_0')],
          ['attn', id('IQ4_NL')],
          ['ffn_down', id('F16')],
        ],
      },
    },
  },
  'types for output and embedding': {
    type: 'Q3_K_M',
    ours: { types: { outputType: 'Q8_0', embeddingType: 'IQ4_XS' } },
    theirs: { outputType: id('Q8_0'), embeddingType: id('IQ4_XS') },
  },
  'an output that is left': { type: 'Q2_K', ours: { types: { leaveOutput: true } }, theirs: { leaveOutput: true } },
  'pure, and a pattern': {
    type: 'Q3_K_L',
    ours: { types: { pure: true, tensorTypes: [['attn_v', 'Q5_K']] } },
    theirs: { pure: true, lists: { tensorTypes: [['attn_v', id('Q5_K')]] } },
  },
  'keys of all types, in their order': {
    type: 'Q8_0',
    ours: { overrideKv },
    theirs: { lists: { overrides: overrideKv } },
  },
  'a number of layers and heads that the rules go by': {
    type: 'Q2_K',
    ours: { overrideKv: ruling },
    theirs: { lists: { overrides: ruling } },
  },
}

describe.skipIf('missing' in libraries)(
  'a GGUF with options of llama-quantize, by us and by llama_model_quantize',
  () => {
    const folder = suiteFolder()
    const file = (name: string) => join(folder(), name)
    let llama: Quantizer

    beforeAll(async () => {
      llama = openQuantizer()
      await writeSmallModel(file('model'), { layout: 'split', dtype: 'F32' })
      await convertFolder(file('model'), 'F32', file('f32.gguf'))
    })
    afterAll(() => llama.stop())

    test.each(Object.keys(cases))('%s: the same file to the last byte', async (title) => {
      const { type, ours, theirs } = cases[title] as Case
      const { recipes: _, ...wishes } = await readPlanRequest([recipe(type)], 'latest', ours)
      await convertGguf(file('f32.gguf'), type, file('ours.gguf'), wishes, { force: true })
      await llama.quantize(file('f32.gguf'), file('theirs.gguf'), { ftype: type as keyof typeof fileTypes, ...theirs })
      expect(await ggufDifferences(file('ours.gguf'), file('theirs.gguf'))).toEqual([])
    })
  },
)
