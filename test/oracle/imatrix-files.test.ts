import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { convert } from '#dist/convert/convert.js'
import { u32 } from '#dist/formats/gguf/values.js'
import { type RecipeName, recipeNames } from '#dist/quant/recipes.js'
import { convertFolder, convertOptions, planFolder, planOutputs } from '../helpers/convert-folder.ts'
import { convertGguf, planGguf } from '../helpers/convert-gguf.ts'
import { llamaMetadata, llamaTensors, writeFilledGguf } from '../helpers/filled-gguf.ts'
import { ggufDifferences } from '../helpers/gguf-differences.ts'
import type { MeasuredEntry } from '../helpers/imatrix-files.ts'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { type fileTypes, openQuantizer, type Quantizer } from '../helpers/llama-runtime.ts'
import { givenImatrix, llamaEntries, randomEntries } from '../helpers/random-imatrix.ts'
import { smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const libraries = oracleLibraries()
const floats: readonly RecipeName[] = ['F32', 'F16', 'BF16']
const recipes = recipeNames.filter((name) => !floats.includes(name))
/** Also made of the folder: the order of metadata and tensors is then that of llama.cpp's converter. */
const fromFolder: readonly RecipeName[] = ['IQ2_XS', 'Q4_K_M', 'Q5_0']
const calibration = 'measured/calibration.gguf'

describe.skipIf('missing' in libraries)('with an importance matrix, our quantizing of a GGUF and llama.cpp’s', () => {
  const folder = suiteFolder()
  const file = (name: string) => join(folder(), name)
  let entries: MeasuredEntry[]
  let llama: Quantizer

  beforeAll(async () => {
    llama = openQuantizer()
    await writeSmallModel(folder(), { layout: 'split', dtype: 'BF16' }, { ...smallShape, layers: 1, vocabulary: 1100 })
    await convertFolder(folder(), 'F32', file('f32.gguf'))
    const { tensors } = await planFolder(folder(), 'F32')
    // llama-imatrix leaves it out unless told otherwise.
    entries = randomEntries(tensors, 11, (name) => name === 'output.weight')
  })

  afterAll(() => llama?.stop())

  /** Makes both files, compares them, and returns the path of llama.cpp's. */
  async function expectSameBytes(
    name: string,
    recipe: keyof typeof fileTypes,
    measured: readonly MeasuredEntry[],
  ): Promise<string> {
    const [ours, theirs] = [file(`ours-${name}-${recipe}.gguf`), file(`theirs-${name}-${recipe}.gguf`)]
    await convertGguf(file(`${name}.gguf`), recipe, ours, { importance: await givenImatrix(calibration, measured) })
    await llama.quantize(file(`${name}.gguf`), theirs, {
      ftype: recipe,
      lists: {
        importances: llamaEntries(measured),
        overrides: [
          `quantize.imatrix.file=str:${calibration}`,
          'quantize.imatrix.dataset=str:wiki.train.raw',
          `quantize.imatrix.entries_count=int:${measured.length}`,
          'quantize.imatrix.chunks_count=int:7',
        ],
      },
    })
    expect(await ggufDifferences(ours, theirs)).toEqual([])
    return theirs
  }

  test.each(recipes)('%s: the same bytes in the whole file', async (recipe) => {
    const theirs = await expectSameBytes('f32', recipe, entries)
    if (!fromFolder.includes(recipe)) return
    const direct = file(`direct-${recipe}.gguf`)
    const importance = await givenImatrix(calibration, entries)
    await convert(await planOutputs(folder(), [recipe], { importance }), convertOptions(direct))
    expect(await ggufDifferences(direct, theirs)).toEqual([])
  })

  describe('of a model with eight experts in each layer, some of which were never chosen', () => {
    let measured: MeasuredEntry[]

    beforeAll(async () => {
      const experts = [0, 1].flatMap((layer) => [
        { name: `blk.${layer}.ffn_gate_inp.weight`, shape: [8, 256], type: 'F32' as const },
        ...['gate', 'up', 'down'].map((part) => ({
          ...{ name: `blk.${layer}.ffn_${part}_exps.weight`, shape: [8, 5, 256], type: 'F32' as const },
        })),
      ])
      const keys = [
        ['llama.expert_count', u32(8)],
        ['llama.expert_used_count', u32(2)],
      ] as const
      const tensors = llamaTensors().filter(({ name }) => !/ffn_(gate|up|down)\./.test(name))
      await writeFilledGguf(file('experts.gguf'), llamaMetadata(keys), [...tensors, ...experts])
      measured = randomEntries((await planGguf(file('experts.gguf'), 'F32')).tensors, 23)
      const counts = measured.filter(({ name }) => name.includes('_exps')).flatMap((entry) => entry.counts)
      expect([counts.length, counts.includes(0)]).toEqual([48, true])
    })

    test.each(recipes)('%s: the same bytes in the whole file', async (recipe) => {
      await expectSameBytes('experts', recipe, measured)
    })
  })
})
