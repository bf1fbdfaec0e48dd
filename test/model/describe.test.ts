import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openModelFolder } from '#dist/formats/safetensors/open-folder.js'
import { describeModel } from '#dist/model/describe.js'
import { writeCl100kTokenizer } from '../../fixtures/cl100k-tokenizer.ts'
import { lyingConfig, trueConfig } from '../../fixtures/model-config.ts'
import { writeModelFolder } from '../../fixtures/model-folder.ts'
import { type ModelShape, phi4Shape, tinyPhi4Shape } from '../../fixtures/model-shapes.ts'
import { folderOf, type HandMadeTensor, tensorsOf, writeSmallFiles } from './hand-made-folder.ts'

/** Tokens of the small tokenizer: 1000 of cl100k and Phi-4's 96 added ones. */
const vocabulary = 1096
const tiny = tinyPhi4Shape(vocabulary)
/** A Llama in miniature that is no known model: heads of 64. */
const small: ModelShape = { layers: 2, hidden: 256, feedForward: 512, heads: 4, kvHeads: 2, headSize: 64, vocabulary }

let root: string
let folders = 0

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'mibera-describe-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

interface Situation {
  readonly tensors: readonly HandMadeTensor[]
  readonly config?: object | undefined
  readonly readme?: string
  readonly overrides?: Readonly<Record<string, string>>
  readonly family?: string
}

async function understand({ tensors, config, readme, overrides = {}, family }: Situation) {
  const path = join(root, `model-${folders++}`)
  await writeCl100kTokenizer(path, { tokens: 1000 })
  await writeSmallFiles(path, config, readme)
  return describeModel(folderOf(path, tensors), {
    overrides: new Map(Object.entries(overrides)),
    pre: 'dbrx',
    ...(family !== undefined && { family }),
  })
}

const llamaConfig = (changes: object = {}) => ({
  ...trueConfig(small, 'split', 'BF16', false),
  _name_or_path: 'someone/unheard-of',
  head_dim: undefined,
  rope_theta: 500000,
  ...changes,
})

const failure = (code: string, parts: object = {}) => expect.objectContaining({ code, ...parts })
const containing = (text: string) => expect.stringContaining(text)

describe('a full-size disguised Phi-4 of 13 sparse shards', () => {
  it('is seen through, with every lie of its config named', async () => {
    const path = join(root, 'mibera-v1-merged')
    const options = { shards: 13, sparse: true, lyingConfig: true, extras: (to: string) => writeCl100kTokenizer(to) }
    await writeModelFolder(path, phi4Shape, options)
    const model = await describeModel(await openModelFolder(path), { overrides: new Map() })

    expect(model).toMatchObject({ family: 'phi-fused', knownAs: 'Phi-4', architecture: 'phi3' })
    expect(model.parameters).toBe(14_659_507_200)
    expect(model.tensors).toHaveLength(243)
    expect(model.hyperparameters).toMatchObject({
      layers: { value: 40, origin: 'tensors' },
      hidden: { value: 5120, origin: 'tensors' },
      feedForward: { value: 17920, origin: 'tensors' },
      vocabulary: { value: 100352, origin: 'tensors' },
      heads: { value: 40 },
      kvHeads: { value: 10 },
      headSize: { value: 128, origin: 'family' },
      ropeDimensions: { value: 128 },
      ropeTheta: { value: 250000, origin: 'family' },
      rmsEpsilon: { value: 1e-5, origin: 'family' },
      contextLength: { value: 16384, origin: 'family' },
      slidingWindow: { value: undefined, origin: 'family' },
      tiedEmbeddings: { value: false, origin: 'tensors' },
    })
    expect(model.contradictions.map(({ where, claimed, actual }) => [where, claimed, actual])).toEqual([
      ['config.json architectures', 'AutoModelForCausalLM', 'Phi3ForCausalLM'],
      ['config.json model_type', 'causal_lm', 'phi3'],
      ['config.json num_hidden_layers', '32', '40'],
      ['config.json hidden_size', '4096', '5120'],
      ['config.json vocab_size', '50257', '100352'],
      ['config.json num_attention_heads', '16', '40'],
      ['config.json num_key_value_heads', '8', '10'],
      ['config.json torch_dtype', 'bfloat16', 'float32'],
    ])
  })
})

describe('a small disguised Phi-4', () => {
  it('is known by its name and tokenizer, although its sizes are others', async () => {
    const model = await understand({ tensors: tensorsOf(tiny, 'fused'), config: lyingConfig })
    expect(model).toMatchObject({ family: 'phi-fused', knownAs: 'Phi-4 of another size', architecture: 'phi3' })
    expect(model.hyperparameters).toMatchObject({
      heads: { value: 4 },
      kvHeads: { value: 1 },
      headSize: { value: 128, origin: 'family' },
      ropeTheta: { value: 250000 },
      rmsEpsilon: { value: 1e-5 },
      contextLength: { value: 16384 },
    })
  })

  it('is known by the base_model of its README just as well', async () => {
    const config = { ...lyingConfig, _name_or_path: undefined }
    const readme = '---\nbase_model: microsoft/phi-4\n---\n'
    const model = await understand({ tensors: tensorsOf(tiny, 'fused'), config, readme })
    expect(model.hyperparameters.ropeTheta).toMatchObject({ value: 250000, origin: 'family' })
    expect(model.recognisedBy).toContain('README.md base_model')
  })

  it('without any name is asked about, everything at once', async () => {
    const config = { ...lyingConfig, _name_or_path: undefined }
    await expect(understand({ tensors: tensorsOf(tiny, 'fused'), config })).rejects.toThrow(
      failure('HYPERPARAMETER_UNKNOWN', {
        message: containing('head_size, rope_theta, rms_norm_eps, context_length'),
        hint: containing('--override head_size=128'),
      }),
    )
  })

  it('without config.json and name is described by what the person says', async () => {
    const overrides = { head_size: '128', rope_theta: '250000', rms_norm_eps: '1e-5', context_length: '16384' }
    const model = await understand({ tensors: tensorsOf(tiny, 'fused'), overrides })
    expect(model.hyperparameters).toMatchObject({
      headSize: { value: 128, origin: 'override', because: '--override head_size=128' },
      rmsEpsilon: { value: 1e-5, origin: 'override' },
    })
  })

  it('rewritten in the layout of Llama keeps its constants and gets the rows of q and k permuted', async () => {
    const model = await understand({ tensors: tensorsOf(tiny, 'split'), config: lyingConfig })
    expect(model).toMatchObject({ family: 'llama-split', architecture: 'llama' })
    expect(model.hyperparameters.ropeTheta.value).toBe(250000)
    const transforms = Object.fromEntries(
      model.tensors.map(({ name, source }) => [name, source.kind === 'tensors' ? source.transform : undefined]),
    )
    expect(transforms['blk.1.attn_q.weight']).toEqual({ kind: 'rope-interleave', heads: 4 })
    expect(transforms['blk.1.attn_k.weight']).toEqual({ kind: 'rope-interleave', heads: 1 })
    expect(transforms['blk.1.attn_v.weight']).toEqual({ kind: 'none' })
  })
})

describe('tensors of the output', () => {
  it('are named as llama.cpp names them, in a fixed order', async () => {
    const model = await understand({ tensors: tensorsOf(tiny, 'fused').toReversed(), config: lyingConfig })
    const layer = (number: number) =>
      ['attn_norm', 'attn_qkv', 'attn_output', 'ffn_norm', 'ffn_up', 'ffn_down'].map(
        (part) => `blk.${number}.${part}.weight`,
      )
    expect(model.tensors.map(({ name }) => name)).toEqual([
      'token_embd.weight',
      ...layer(0),
      ...layer(1),
      'output_norm.weight',
      'output.weight',
    ])
  })
})

describe('config.json', () => {
  it('is believed where it agrees with all the tensors show', async () => {
    const model = await understand({ tensors: tensorsOf(small, 'split'), config: llamaConfig() })
    expect(model.knownAs).toBeUndefined()
    expect(model.contradictions).toEqual([])
    expect(model.hyperparameters).toMatchObject({
      headSize: { value: 64, origin: 'config' },
      heads: { value: 4 },
      kvHeads: { value: 2 },
      ropeTheta: { value: 500000, origin: 'config' },
    })
  })

  it('with heads that the tensors disprove is not believed about heads', async () => {
    const config = llamaConfig({ num_attention_heads: 8, num_key_value_heads: 2 })
    await expect(understand({ tensors: tensorsOf(small, 'split'), config })).rejects.toThrow(
      failure('HYPERPARAMETER_UNKNOWN', { subject: 'head_size', message: containing('256 rows of q_proj') }),
    )
  })

  it('that is right in every size is believed about constants that a fine-tune may change', async () => {
    const config = { ...trueConfig(tiny, 'fused', 'BF16', false), rope_theta: 1000000, max_position_embeddings: 65536 }
    const model = await understand({ tensors: tensorsOf(tiny, 'fused'), config })
    expect(model.hyperparameters).toMatchObject({
      ropeTheta: { value: 1000000, origin: 'config' },
      contextLength: { value: 65536, origin: 'config' },
      rmsEpsilon: { value: 1e-5, origin: 'family' },
    })
  })

  it('that is right in every size is believed about the heads of a model that is only of a known kind', async () => {
    const config = { ...trueConfig(tiny, 'fused', 'BF16', false), num_attention_heads: 8, num_key_value_heads: 2 }
    const model = await understand({ tensors: tensorsOf(tiny, 'fused'), config: { ...config, head_dim: 64 } })
    expect(model.hyperparameters.headSize).toMatchObject({ value: 64, origin: 'config' })
  })

  it('that happens to agree about heads is not believed when it is wrong about all else', async () => {
    // 16 heads of 32 and 8 of 32 are just as wide as the true 4 of 128 and 2 of 128.
    const shape = { ...tiny, kvHeads: 2 }
    const model = await understand({ tensors: tensorsOf(shape, 'fused'), config: lyingConfig })
    expect(model.hyperparameters).toMatchObject({
      headSize: { value: 128 },
      heads: { value: 4 },
      kvHeads: { value: 2 },
    })
  })

  it('that is wrong in one size is not believed against what is known of the model', async () => {
    const config = { ...trueConfig(tiny, 'fused', 'BF16', false), rope_theta: 1000000, intermediate_size: 999 }
    const model = await understand({ tensors: tensorsOf(tiny, 'fused'), config })
    expect(model.hyperparameters.ropeTheta).toMatchObject({ value: 250000, origin: 'family' })
    expect(model.contradictions.map(({ where }) => where)).toEqual([
      'config.json intermediate_size',
      'config.json rope_theta',
    ])
  })

  it('may hold anything without being believed', async () => {
    const config = { ...lyingConfig, num_hidden_layers: 'thirty-two', rope_theta: -1, head_dim: [128] }
    const model = await understand({ tensors: tensorsOf(tiny, 'fused'), config })
    expect(model.contradictions).toContainEqual(
      expect.objectContaining({ where: 'config.json num_hidden_layers', claimed: 'thirty-two', actual: '2' }),
    )
  })

  it('may stand beside a broken generation_config.json', async () => {
    const path = join(root, 'broken-generation-config')
    await writeCl100kTokenizer(path, { tokens: 1000 })
    await writeSmallFiles(path, lyingConfig)
    await writeFile(join(path, 'generation_config.json'), '{')
    const folder = folderOf(path, tensorsOf(tiny, 'fused'))
    const model = await describeModel(folder, { overrides: new Map(), pre: 'dbrx' })
    expect(model.family).toBe('phi-fused')
  })

  it('that is no JSON object is refused', async () => {
    const path = join(root, 'broken-config')
    await writeCl100kTokenizer(path, { tokens: 1000 })
    await writeFile(join(path, 'config.json'), '{"num_hidden_layers": 32')
    const described = describeModel(folderOf(path, tensorsOf(tiny, 'fused')), { overrides: new Map() })
    await expect(described).rejects.toThrow(failure('CONFIG_MALFORMED', { subject: join(path, 'config.json') }))
  })

  it('shows no control characters of its own to the terminal', async () => {
    const config = { ...lyingConfig, model_type: '\u001b[2J', architectures: ['x'.repeat(1000)] }
    const model = await understand({ tensors: tensorsOf(tiny, 'fused'), config })
    const claimed = model.contradictions.map((contradiction) => contradiction.claimed)
    expect(claimed).toContain('"\\u001b[2J"')
    for (const text of claimed) expect(text.length).toBeLessThan(200)
  })

  it('of transformers 5 is understood', async () => {
    const config = llamaConfig({
      rope_theta: undefined,
      rope_scaling: undefined,
      torch_dtype: undefined,
      dtype: 'float32',
      rope_parameters: { rope_type: 'default', rope_theta: 750000 },
    })
    const model = await understand({ tensors: tensorsOf(small, 'split'), config })
    expect(model.hyperparameters.ropeTheta).toMatchObject({ value: 750000, origin: 'config' })
    expect(model.contradictions).toMatchObject([{ where: 'config.json dtype', claimed: 'float32', actual: 'bfloat16' }])
  })
})

describe('overrides', () => {
  const situation = (overrides: Record<string, string>) => ({
    tensors: tensorsOf(tiny, 'fused'),
    config: lyingConfig,
    overrides,
  })

  it('win over what is known', async () => {
    const overrides = { rope_theta: '1e6', context_length: '32768', sliding_window: '2048', heads: '8' }
    const model = await understand(situation(overrides))
    expect(model.hyperparameters).toMatchObject({
      ropeTheta: { value: 1e6, origin: 'override' },
      contextLength: { value: 32768, origin: 'override' },
      slidingWindow: { value: 2048, origin: 'override' },
      headSize: { value: 64, origin: 'override' },
      heads: { value: 8 },
      kvHeads: { value: 2 },
    })
    expect(model.metadata.get('phi3.attention.sliding_window')).toEqual({ type: 'u32', value: 2048 })
  })

  it.each([
    ['head_size', '100', '512 columns of o_proj'],
    ['heads', '3', '512 columns of o_proj'],
    ['kv_heads', '3', '128 each for k and v'],
    ['layers', '40', 'the tensors have layers 0 to 1'],
    ['vocabulary', '100352', '1096 rows of model.embed_tokens.weight'],
    ['tie_word_embeddings', 'true', 'lm_head.weight is there'],
  ])('that contradict the tensors are refused: %s=%s', async (key, value, reason) => {
    await expect(understand(situation({ [key]: value }))).rejects.toThrow(
      failure('USAGE', { subject: key, message: containing(reason) }),
    )
  })

  it('that contradict each other are refused', async () => {
    await expect(understand(situation({ head_size: '128', heads: '8' }))).rejects.toThrow(
      failure('USAGE', { message: containing('--override head_size=128 means heads of 128') }),
    )
  })

  it.each([
    ['rope_theta', '-1'],
    ['rope_theta', 'Infinity'],
    ['context_length', '1.5'],
    ['head_size', '0'],
    ['sliding_window', ''],
    ['tie_word_embeddings', 'yes'],
  ])('that are no such value are refused: %s=%s', async (key, value) => {
    await expect(understand(situation({ [key]: value }))).rejects.toThrow(failure('USAGE', { subject: key }))
  })

  it('of an unknown key are refused, naming the one that was meant', async () => {
    await expect(understand(situation({ 'rope-teta': '1' }))).rejects.toThrow(
      failure('USAGE', { hint: containing('rope_theta') }),
    )
  })
})

describe('a model of no supported family', () => {
  it('is refused with what was seen and what is supported', async () => {
    const tensors = [
      { name: 'transformer.h.0.attn.c_attn.weight', shape: [768, 2304] },
      { name: 'transformer.wte.weight', shape: [50257, 768] },
    ]
    const config = { architectures: ['GPT2LMHeadModel'], model_type: 'gpt2' }
    await expect(understand({ tensors, config })).rejects.toThrow(
      failure('MODEL_UNSUPPORTED', {
        message: expect.stringMatching(/transformer\.h\.0.*GPT2LMHeadModel.*Supported: .*phi-fused.*llama-split/s),
      }),
    )
  })

  it('is refused although its tensors are named like those of Llama', async () => {
    const config = llamaConfig({ architectures: ['GemmaForCausalLM'], model_type: 'gemma' })
    await expect(understand({ tensors: tensorsOf(small, 'split'), config })).rejects.toThrow(
      failure('MODEL_UNSUPPORTED', {
        message: containing('GemmaForCausalLM'),
        hint: containing('--family llama-split'),
      }),
    )
  })

  it('is refused when every layer has tensors more, such as the biases of Qwen2', async () => {
    const biases = [0, 1].map((layer) => ({ name: `model.layers.${layer}.self_attn.q_proj.bias`, shape: [256] }))
    const tensors = [...tensorsOf(small, 'split'), ...biases]
    await expect(understand({ tensors, config: { model_type: 'qwen2' } })).rejects.toThrow(
      failure('MODEL_UNSUPPORTED', { message: expect.stringMatching(/self_attn\.q_proj\.bias.*qwen2/s) }),
    )
  })

  it('is asked about where nothing says which of the families with such tensors it is', async () => {
    const config = llamaConfig({ architectures: ['AutoModelForCausalLM'], model_type: 'causal_lm' })
    const tensors = tensorsOf(small, 'split')
    await expect(understand({ tensors, config })).rejects.toThrow(
      failure('HYPERPARAMETER_UNKNOWN', { subject: 'family', hint: containing('--family llama-split') }),
    )
    const model = await understand({ tensors, config, family: 'llama-split' })
    expect(model.architecture).toBe('llama')
  })

  it('cannot be forced into a family whose tensors it does not have', async () => {
    const situation = { tensors: tensorsOf(small, 'split'), config: llamaConfig() }
    await expect(understand({ ...situation, family: 'phi-fused' })).rejects.toThrow(failure('TENSOR_MISSING'))
    await expect(understand({ ...situation, family: 'lama-split' })).rejects.toThrow(
      failure('USAGE', { hint: containing('llama-split') }),
    )
  })

  it('is refused when weights are of a type that cannot be read', async () => {
    const tensors = tensorsOf(tiny, 'fused').map((tensor) => ({ ...tensor, dtype: 'F8_E4M3' as const }))
    await expect(understand({ tensors, config: lyingConfig })).rejects.toThrow(
      failure('DTYPE_UNSUPPORTED', { message: containing('F8_E4M3') }),
    )
  })

  it('is refused when its tokenizer is SentencePiece, as that of Phi-3 is', async () => {
    const path = join(root, 'phi-3')
    await writeSmallFiles(path, { _name_or_path: 'microsoft/Phi-3-medium-4k-instruct' })
    const model = { type: 'BPE', byte_fallback: true, vocab: { '<unk>': 0, '▁a': 1 }, merges: ['▁ a'] }
    await writeFile(join(path, 'tokenizer.json'), JSON.stringify({ model, decoder: { type: 'ByteFallback' } }))
    const tensors = tensorsOf({ ...phi4Shape, vocabulary: 32064 }, 'fused')
    await expect(describeModel(folderOf(path, tensors), { overrides: new Map() })).rejects.toThrow(
      failure('MODEL_UNSUPPORTED', { message: containing('SentencePiece') }),
    )
  })
})

describe('a missing output projection', () => {
  const tensors = tensorsOf(small, 'split', {}, true)

  it('means tied embeddings if config.json says so', async () => {
    const model = await understand({ tensors, config: llamaConfig({ tie_word_embeddings: true }) })
    expect(model.hyperparameters.tiedEmbeddings.value).toBe(true)
    expect(model.tensors.map(({ name }) => name)).not.toContain('output.weight')
  })

  it('is a lost tensor if config.json denies it', async () => {
    await expect(understand({ tensors, config: llamaConfig({ tie_word_embeddings: false }) })).rejects.toThrow(
      failure('TENSOR_MISSING', { subject: 'lm_head.weight', hint: containing('tie_word_embeddings=true') }),
    )
  })

  it('is asked about if nobody says', async () => {
    const config = llamaConfig({ tie_word_embeddings: undefined })
    await expect(understand({ tensors, config })).rejects.toThrow(
      failure('HYPERPARAMETER_UNKNOWN', { subject: 'tie_word_embeddings' }),
    )
  })

  it('is a lost tensor in a model that is known to have one', async () => {
    const path = join(root, 'phi-4-without-head')
    await writeCl100kTokenizer(path, { tokens: 1000 })
    await writeSmallFiles(path, { tie_word_embeddings: true })
    const folder = folderOf(path, tensorsOf(phi4Shape, 'fused', { 'lm_head.weight': undefined }))
    await expect(describeModel(folder, { overrides: new Map(), pre: 'dbrx' })).rejects.toThrow(
      failure('TENSOR_MISSING', { message: containing('Phi-4 has one') }),
    )
  })
})
