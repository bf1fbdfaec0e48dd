import { describe, expect, it } from 'vitest'
import { blockTypes, type GgmlType } from '#dist/formats/ggml/block-types.js'
import { chooseTypes } from '#dist/quant/choose-types.js'
import { type RecipeName, recipe } from '#dist/quant/recipes.js'
import { parseTensorType, requireType, tensorPattern, writableTypes } from '#dist/quant/tensor-pattern.js'
import { recipeDecides, type TypeOptions } from '#dist/quant/type-options.js'
import { foreignModels } from '../helpers/foreign-models.ts'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { LlamaTypes } from '../helpers/llama-types.ts'
import { type TinyModel, tinyModels } from '../helpers/tiny-models.ts'

const libraries = oracleLibraries()
if ('missing' in libraries) console.warn(`skipped: types asked for, compared with llama.cpp (${libraries.missing})`)

/** Like {@link TypeOptions}, with patterns as text. */
interface Wishes {
  readonly tensorTypes?: readonly (readonly [pattern: string, type: GgmlType])[]
  readonly outputType?: GgmlType
  readonly embeddingType?: GgmlType
  readonly leaveOutput?: boolean
  readonly pure?: boolean
}

function chosen({ tensors, model }: TinyModel, name: RecipeName, wishes: Wishes): string[] {
  const tensorTypes = (wishes.tensorTypes ?? []).map(([pattern, type]) => [tensorPattern(pattern), type] as const)
  const options: TypeOptions = { ...recipeDecides, ...wishes, tensorTypes }
  return chooseTypes(tensors, model, recipe(name), 'latest', options).map(
    ({ type }, i) => `${tensors[i]?.name} ${type}`,
  )
}

const [manyLayers, tied] = tinyModels as readonly [TinyModel, TinyModel]
const narrow = tinyModels.find(({ title }) => title.includes('288: whole')) as TinyModel
const odd = foreignModels.find(({ title }) => title.includes('every name')) as TinyModel

const wishes: Record<string, Wishes> = {
  'a type for some': { tensorTypes: [['attn_v', 'Q8_0']] },
  'two patterns that fit one tensor': {
    tensorTypes: [
      ['ffn_down', 'Q5_0'],
      ['blk\\.[0-3]\\.ffn_down', 'Q6_K'],
    ],
  },
  'the same the other way round': {
    tensorTypes: [
      ['blk\\.[0-3]\\.ffn_down', 'Q6_K'],
      ['ffn_down', 'Q5_0'],
    ],
  },
  'a class of characters, in upper case, with anchors': { tensorTypes: [['^BLK\\.[[:digit:]]\\.ATTN_[QK]', 'IQ4_NL']] },
  'a pattern for all': { tensorTypes: [['.*', 'F16']] },
  'a pattern for values, which those after do not count': { tensorTypes: [['blk.0.attn_v', 'Q4_0']] },
  'types for output and embedding': { outputType: 'Q5_0', embeddingType: 'Q4_0' },
  'a type for the output alone': { outputType: 'BF16' },
  'output and embedding, before patterns': {
    outputType: 'Q5_0',
    embeddingType: 'Q4_0',
    tensorTypes: [['output|token_embd', 'Q8_0']],
  },
  'a pattern for the embedding, and a type for the output': {
    outputType: 'Q5_0',
    tensorTypes: [['token_embd', 'Q8_0']],
  },
  'an output that is left': { leaveOutput: true },
  'an output that is left, though a type is named': { leaveOutput: true, outputType: 'Q8_0' },
  pure: { pure: true },
  'pure, with a type for the output': { pure: true, outputType: 'Q5_1' },
  'pure, with a pattern': { pure: true, tensorTypes: [['attn_k', 'Q6_K']] },
}

describe.skipIf('missing' in libraries)(
  'types that a person asks for are given as llama_model_quantize gives them',
  () => {
    let opened: LlamaTypes | undefined
    const llama = (): LlamaTypes => {
      opened ??= new LlamaTypes()
      return opened
    }

    const models = [manyLayers, tied, narrow, odd]
    const recipes: RecipeName[] = ['Q3_K_M', 'Q4_K_M', 'Q8_0', 'F16']

    describe.each(Object.keys(wishes))('%s', (title) => {
      it.each(models.flatMap((model) => recipes.map((name) => ({ name, title: model.title, model }))))(
        '$name: $title',
        async ({ model, name }) => {
          const { tensorTypes = [], outputType, embeddingType, ...flags } = wishes[title] as Wishes
          const expected = await llama().dryRun(model, recipe(name).fileType, {
            ...flags,
            ...(outputType === undefined ? {} : { outputType: blockTypes[outputType].id }),
            ...(embeddingType === undefined ? {} : { embeddingType: blockTypes[embeddingType].id }),
            // llama-quantize, the program, brings them to lower case.
            tensorTypes: tensorTypes.map(([pattern, type]) => [pattern.toLowerCase(), blockTypes[type].id]),
          })
          expect(expected).toBeDefined()
          expect(chosen(model, name, wishes[title] as Wishes)).toEqual(
            model.tensors.map((tensor, i) => `${tensor.name} ${expected?.[i]}`),
          )
        },
      )
    })

    const unfit = writableTypes.filter((type) => blockTypes[type].blockWeights > 32)

    it.each(unfit)('rows of 288 asked to be %s', async (type) => {
      const importances = [['any', Float32Array.of(1)]] as const
      const ids = { tensorTypes: [['attn_q', blockTypes[type].id]], importances } as const
      const expected = await llama().dryRun(narrow, recipe('Q8_0').fileType, ids)
      const guided = { ...recipeDecides, tensorTypes: [[/attn_q/, type]] as const, hasImportance: () => true }
      const choose = () => chooseTypes(narrow.tensors, narrow.model, recipe('Q8_0'), 'latest', guided)
      if (expected === undefined) {
        expect(llama().log).toContain('no tensor type fallback is defined')
        expect(choose).toThrow(expect.objectContaining({ code: 'TYPE_UNSUPPORTED', subject: 'blk.0.attn_q.weight' }))
      } else expect(choose().map((choice) => choice.type)).toEqual(expected)
    })
  },
)

it('refuses a type for output or embedding that their rows do not fit, which ends llama.cpp by an assertion', () => {
  for (const wish of [{ outputType: 'Q6_K' }, { embeddingType: 'Q6_K' }] as const) {
    expect(() => chosen(narrow, 'Q8_0', wish)).toThrow(expect.objectContaining({ code: 'TYPE_UNSUPPORTED' }))
  }
})

describe('--no-fallback', () => {
  const choose = (model: TinyModel, name: RecipeName) => () =>
    chooseTypes(model.tensors, model.model, recipe(name), 'latest', { ...recipeDecides, noFallback: true })

  it('names every tensor whose rows do not fit', () => {
    expect(choose(narrow, 'Q4_K_M')).toThrow(
      expect.objectContaining({
        code: 'TYPE_UNSUPPORTED',
        message: expect.stringMatching(/^146 tensors .*token_embd.weight \(rows of 288: Q4_K would be Q5_0\).*blk.23/),
      }),
    )
  })

  it('lets pass what fits', () => {
    expect(choose(manyLayers, 'Q4_K_M')).not.toThrow()
    expect(choose(narrow, 'Q4_0')).toThrow(expect.objectContaining({ code: 'TYPE_UNSUPPORTED' }))
  })
})

describe('a tensor without importances', () => {
  const guided: TypeOptions = { ...recipeDecides, hasImportance: (name) => name !== 'blk.7.ffn_up.weight' }

  it('is refused where its type needs them', () => {
    const choose = () => chooseTypes(manyLayers.tensors, manyLayers.model, recipe('IQ2_M'), 'latest', guided)
    expect(choose).toThrow(expect.objectContaining({ code: 'IMPORTANCE_MISSING', subject: 'blk.7.ffn_up.weight' }))
  })

  it('is not where it has another type', () => {
    const tensorTypes = [[/blk.7.ffn_up/, 'Q4_K']] as const
    const options = { ...guided, tensorTypes }
    expect(chooseTypes(manyLayers.tensors, manyLayers.model, recipe('IQ2_M'), 'latest', options)).toHaveLength(
      manyLayers.tensors.length,
    )
  })
})

describe('what is asked for on the command line', () => {
  const usage = (message: RegExp, hint = /./) =>
    expect.objectContaining({
      code: 'USAGE',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })

  it('is a pattern, and after the last = a type in any case', () => {
    expect(parseTensorType('attn_v=q6_k')).toEqual(['attn_v', 'Q6_K'])
    expect(parseTensorType('(?=blk)=IQ4_xs')).toEqual(['(?=blk)', 'IQ4_XS'])
  })

  it.each([
    ['attn_v', /it names no type/, /PATTERN=TYPE/],
    ['=Q6_K', /it is empty/, /./],
    ['attn_(v=Q6_K', /not a lawful regular expression: (Unterminated|Invalid|missing)/i, /./],
    ['(?<=blk)x=Q6_K', /lookbehind/, /./],
    ['[[:vowel:]]=Q6_K', /no class \[:vowel:\]/, /./],
    ['attn_v=Q6K', /"Q6K" is not a type of tensors/, /Did you mean Q6_K\?/],
    ['attn_v=Q4_K_M', /"Q4_K_M" is not a type/, /Did you mean Q4_K\?/],
    ['attn_v=I32', /"I32" is not a type/, /./],
  ])('%s is refused', (text, message, hint) => {
    expect(() => parseTensorType(text)).toThrow(usage(message, hint))
  })

  it('names the option of a type that is none', () => {
    expect(() => requireType('q9_k', '--output-tensor-type')).toThrow(usage(/^--output-tensor-type: "q9_k"/))
  })
})
