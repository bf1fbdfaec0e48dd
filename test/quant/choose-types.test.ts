import { describe, expect, it } from 'vitest'
import { chooseTypes, type TypeChoice } from '#dist/quant/choose-types.js'
import { type RecipeName, recipe, recipeNames } from '#dist/quant/recipes.js'
import { recipeDecides } from '#dist/quant/type-options.js'
import { foreignModels } from '../helpers/foreign-models.ts'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { LlamaTypes } from '../helpers/llama-types.ts'
import { type TinyModel, tinyModels } from '../helpers/tiny-models.ts'

const libraries = oracleLibraries()
if ('missing' in libraries) console.warn(`skipped: comparison of types with llama.cpp (${libraries.missing})`)

describe.skipIf('missing' in libraries)('types of the mix latest are those of llama_model_quantize', () => {
  let opened: LlamaTypes | undefined
  const llama = (): LlamaTypes => {
    opened ??= new LlamaTypes()
    return opened
  }

  describe.each([...tinyModels, ...foreignModels])('$title', (tiny) => {
    it.each(recipeNames)('%s', async (name) => {
      const expected = await llama().quantized(tiny, recipe(name).fileType)
      const choose = () => chooseTypes(tiny.tensors, tiny.model, recipe(name), 'latest')
      if (expected === undefined) expect(choose).toThrow(expect.objectContaining(refusalIn(llama().log)))
      else expect(named(tiny, choose())).toEqual(named(tiny, expected))
    })

    it.each(recipeNames)('%s, with an importance matrix', async (name) => {
      const importances = [['any', Float32Array.of(1)]] as const
      const expected = await llama().dryRun(tiny, recipe(name).fileType, { importances })
      const guided = { ...recipeDecides, hasImportance: () => true }
      const choose = () => chooseTypes(tiny.tensors, tiny.model, recipe(name), 'latest', guided)
      if (expected === undefined) expect(choose).toThrow(expect.objectContaining(refusalIn(llama().log)))
      else expect(named(tiny, choose())).toEqual(named(tiny, expected))
    })
  })
})

function named({ tensors }: TinyModel, types: readonly (string | TypeChoice | undefined)[]): string[] {
  return tensors.map(({ name }, i) => {
    const type = types[i]
    return `${name} ${typeof type === 'object' ? type.type : type}`
  })
}

/** Why llama.cpp refused, by our code, and for which tensor. */
function refusalIn(log: string): { code: string; subject: string | undefined } {
  const offending = /offending tensor: (\S+)/.exec(log)?.[1]
  if (offending !== undefined) return { code: 'IMPORTANCE_MISSING', subject: offending }
  expect(log).toContain('no tensor type fallback is defined')
  // Of the tensors that do not fit it named the one that it stopped at last.
  return { code: 'TYPE_UNSUPPORTED', subject: [...log.matchAll(/warning: (\S+) +- ncols/g)].at(-1)?.[1] }
}

describe('the reason for a choice', () => {
  const model = { architecture: 'llama', layers: 32, heads: 32, kvHeads: 8, experts: 0 } as const
  const reasons = (names: readonly string[], name: RecipeName = 'Q3_K_M'): Record<string, string | undefined> => {
    const tensors = names.map((name) => ({ name, shape: name.includes('norm') ? [256] : [4, 256] }))
    const choices = chooseTypes(tensors, model, recipe(name), 'latest')
    return Object.fromEntries(names.map((name, i) => [name, `${choices[i]?.type}: ${choices[i]?.reason}`]))
  }

  it('says which rule applied', () => {
    const expected = {
      'output.weight': 'Q6_K: output projection',
      'output_norm.weight': 'F32: vectors are not quantized',
      'token_embd.weight': 'Q3_K: Q3_K_M base type',
      'blk.0.attn_v.weight': 'Q5_K: attention values of the first 2 layers',
      'blk.0.ffn_down.weight': 'Q5_K: feed-forward down in the first 1/16 of the layers',
      'blk.0.attn_output.weight': 'Q4_K: attention output',
    }
    expect(reasons(Object.keys(expected))).toEqual(expected)
  })

  it('says which layers a rule is for', () => {
    const down = Array.from({ length: 5 }, (_, layer) => `blk.${layer}.ffn_down.weight`)
    expect(Object.values(reasons(down, 'IQ4_XS'))).toEqual([
      ...Array.from({ length: 4 }, () => 'Q5_K: feed-forward down in the first 1/8 of the layers'),
      'IQ4_XS: IQ4_XS base type',
    ])
  })

  it('says that an embedding is the output projection too', () => {
    const expected = { 'token_embd.weight': 'Q6_K: embedding, also the output projection' }
    expect(reasons(Object.keys(expected))).toEqual(expected)
  })
})
