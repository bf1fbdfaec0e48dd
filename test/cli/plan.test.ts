import { beforeAll, expect, test } from 'vitest'
import { recipeNames } from '#dist/quant/recipes.js'
import { mibera } from '../helpers/command-line.ts'
import { smallPre, smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()

beforeAll(() => writeSmallModel(root(), { layout: 'split' }, smallShape))

const plan = (...words: string[]) => mibera(['plan', root(), '--pre', smallPre, ...words])

test('plan lists every type that the model can have by size, and says which it cannot', async () => {
  const { recipes, refused } = JSON.parse((await plan('--json')).stdout)
  const sizes = recipes.map(({ outputBytes }: { outputBytes: number }) => outputBytes)
  expect(sizes).toEqual(sizes.toSorted((a: number, b: number) => a - b))
  const guided = ['IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ2_M', 'Q2_K_S', 'IQ3_XXS', 'IQ3_XS']
  expect(refused).toMatchObject(guided.map((recipe) => ({ recipe, code: 'IMPORTANCE_MISSING' })))
  const named = [...recipes, ...refused].map(({ recipe }: { recipe: string }) => recipe)
  expect(named.toSorted()).toEqual(recipeNames.toSorted())
})

test('the table names the types that are left out', async () => {
  expect((await plan('--mix', 'b3613')).stdout).toContain(
    [
      'Left out: IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ2_M, Q2_K_S, IQ3_XXS',
      '  (importance matrix needed); Q1_0, TQ1_0, TQ2_0, Q2_0, MXFP4_MOE (not for this',
      '  model or mix).',
    ].join('\n'),
  )
})

test('of types asked for, those that the model cannot have are left out; why is told at length where nothing is left', async () => {
  const some = await plan('--type', 'Q8_0', '--type', 'IQ2_XS')
  expect(some).toMatchObject({ status: 0, stdout: expect.stringMatching(/ Q8_0 .*Left out: IQ2_XS \(importance/s) })
  const none = await plan('--type', 'IQ2_XS,IQ1_S')
  expect(none).toMatchObject({ status: 3, stderr: expect.stringContaining('IQ2_XS stores blk.0.') })
})
