import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { convert } from '#dist/convert/convert.js'
import type { GivenImportance } from '#dist/plan/importance.js'
import { type RecipeName, recipeNames } from '#dist/quant/recipes.js'
import { convertFolder, convertOptions, planFolder, planOutputs } from '../helpers/convert-folder.ts'
import { convertGguf } from '../helpers/convert-gguf.ts'
import { ggufDifferences } from '../helpers/gguf-differences.ts'
import type { MeasuredEntry } from '../helpers/imatrix-files.ts'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { openQuantizer, type Quantizer } from '../helpers/llama-runtime.ts'
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
  let importance: GivenImportance
  let llama: Quantizer

  beforeAll(async () => {
    llama = openQuantizer()
    await writeSmallModel(folder(), { layout: 'split', dtype: 'BF16' }, { ...smallShape, layers: 1, vocabulary: 1100 })
    await convertFolder(folder(), 'F32', file('f32.gguf'))
    const { tensors } = await planFolder(folder(), 'F32')
    // llama-imatrix leaves it out unless told otherwise.
    entries = randomEntries(tensors, 11, (name) => name === 'output.weight')
    importance = await givenImatrix(calibration, entries)
  })

  afterAll(() => llama?.stop())

  test.each(recipes)('%s: the same bytes in the whole file', async (recipe) => {
    const ours = file(`ours-${recipe}.gguf`)
    const theirs = file(`theirs-${recipe}.gguf`)
    await convertGguf(file('f32.gguf'), recipe, ours, { importance })
    await llama.quantize(file('f32.gguf'), theirs, {
      ftype: recipe,
      lists: {
        importances: llamaEntries(entries),
        overrides: [
          `quantize.imatrix.file=str:${calibration}`,
          'quantize.imatrix.dataset=str:wiki.train.raw',
          `quantize.imatrix.entries_count=int:${entries.length}`,
          'quantize.imatrix.chunks_count=int:7',
        ],
      },
    })
    expect((await readFile(ours)).equals(await readFile(theirs))).toBe(true)
    if (!fromFolder.includes(recipe)) return
    const direct = file(`direct-${recipe}.gguf`)
    await convert(await planOutputs(folder(), [recipe], { importance }), convertOptions(direct))
    expect(await ggufDifferences(direct, theirs)).toEqual([])
  })
})
