import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type RecipeName, recipeNames } from '#dist/quant/recipes.js'
import { convertFolder } from '../helpers/convert-folder.ts'
import { ggufDifferences } from '../helpers/gguf-differences.ts'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { quantizeModel } from '../helpers/llama-runtime.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const libraries = oracleLibraries()
const layouts = ['fused', 'split'] as const
const dtypes = ['F32', 'F16', 'BF16'] as const

/** Compared for every layout and source type; the others for one of each, or with MIBERA_LONG=1 for every one too. */
const everywhere: readonly RecipeName[] = [
  ...(['Q2_K', 'Q3_K_S', 'Q3_K_M', 'Q3_K_L', 'Q4_K_S', 'Q4_K_M', 'Q5_K_S', 'Q5_K_M', 'Q6_K', 'Q8_0'] as const),
  ...(['F16', 'BF16'] as const),
]
const long = process.env.MIBERA_LONG === '1'

/**
 * Copying one float type to another is llama.cpp's converter's work, not its quantizer's: F32 is our own input here.
 * Models of these shapes cannot have the others without an importance matrix.
 */
const guided = ['IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ2_M', 'Q2_K_S', 'IQ3_XXS', 'IQ3_XS']
const compared = recipeNames.filter((name) => name !== 'F32' && !guided.includes(name))

describe.skipIf('missing' in libraries)('our direct output and llama.cpp quantizing our F32 GGUF', () => {
  describe.each(layouts)('%s tensors', (layout) => {
    describe.each(dtypes)('of %s', (dtype) => {
      const folder = suiteFolder()
      const file = (name: string) => join(folder(), name)

      const isWhole = long || (layout === 'split' && dtype === 'BF16')
      const recipes = compared.filter((name) => isWhole || everywhere.includes(name))

      beforeAll(async () => {
        await writeSmallModel(folder(), { layout, dtype, shards: 3 })
        await convertFolder(folder(), 'F32', file('f32.gguf'))
      })

      test.each(recipes)('%s: the same file to the last byte', async (recipe) => {
        const ours = file(`ours-${recipe}.gguf`)
        const theirs = file(`theirs-${recipe}.gguf`)
        await convertFolder(folder(), recipe, ours)
        await quantizeModel(file('f32.gguf'), theirs, { ftype: recipe })
        expect(await ggufDifferences(ours, theirs)).toEqual([])
      })
    })
  })
})
