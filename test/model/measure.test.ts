import { describe, expect, it } from 'vitest'
import { llamaSplit } from '#dist/model/families/llama-split.js'
import { phiFused } from '#dist/model/families/phi-fused.js'
import { indexLayers } from '#dist/model/layer-index.js'
import { measure } from '#dist/model/measure.js'
import { phi4Shape, tinyPhi4Shape } from '../../fixtures/model-shapes.ts'
import { folderOf, type HandMadeTensor, tensorsOf } from './hand-made-folder.ts'

const fused = (tensors: readonly HandMadeTensor[]) => {
  const measurements = measure(indexLayers(folderOf('/', tensors)), phiFused.layout)
  return { measurements, widths: phiFused.widths(measurements) }
}
const split = (tensors: readonly HandMadeTensor[]) => measure(indexLayers(folderOf('/', tensors)), llamaSplit.layout)
const tiny = tinyPhi4Shape(1096, 4)
const down = (layer: number) => `model.layers.${layer}.mlp.down_proj.weight`

describe('measure', () => {
  it('reads every size of Phi-4 off its fused tensors', () => {
    const { measurements, widths } = fused(tensorsOf(phi4Shape, 'fused'))
    expect(measurements.layers).toBe(40)
    expect(measurements.entries).toHaveLength(243)
    expect(measurements.hasOutput).toBe(true)
    expect([widths.query.value, widths.keyValue.value, widths.feedForward.value]).toEqual([5120, 1280, 17920])
  })

  it('reads the same sizes off split tensors', () => {
    const widths = llamaSplit.widths(split(tensorsOf(phi4Shape, 'split')))
    expect([widths.query.value, widths.keyValue.value, widths.feedForward.value]).toEqual([5120, 1280, 17920])
  })

  it('names a missing tensor, the shape it should have, and the sibling that has it', () => {
    expect(() => fused(tensorsOf(tiny, 'fused', { [down(2)]: undefined }))).toThrow(
      expect.objectContaining({
        code: 'TENSOR_MISSING',
        subject: down(2),
        message: `Tensor ${down(2)} is missing; expected [512, 1024], as ${down(0)} has`,
      }),
    )
  })

  it('names a layer that is missing entirely', () => {
    const tensors = tensorsOf(tiny, 'fused').filter(({ name }) => !name.startsWith('model.layers.1.'))
    expect(() => fused(tensors)).toThrow(
      expect.objectContaining({
        code: 'TENSOR_MISSING',
        message: 'Layer 1 is missing entirely: the tensors go up to layer 3',
      }),
    )
  })

  it.each([0, 2])('blames the odd one out, also if it is layer %i', (layer) => {
    expect(() => fused(tensorsOf(tiny, 'fused', { [down(layer)]: [512, 1000] }))).toThrow(
      expect.objectContaining({
        code: 'TENSOR_SHAPE',
        subject: down(layer),
        message: expect.stringMatching(/is \[512, 1000\]; expected \[512, 1024\], as model\.layers\.[01]\./),
      }),
    )
  })

  it.each(['model.embed_tokens.weight', 'model.norm.weight'])('requires %s', (name) => {
    expect(() => fused(tensorsOf(tiny, 'fused', { [name]: undefined }))).toThrow(
      expect.objectContaining({ code: 'TENSOR_MISSING', subject: name }),
    )
  })

  it('holds the widths of different tensors against each other', () => {
    expect(() => fused(tensorsOf(tiny, 'fused', { 'lm_head.weight': [1000, 512] }))).toThrow(
      expect.objectContaining({
        code: 'TENSOR_SHAPE',
        message:
          'Tensor lm_head.weight is [1000, 512]; expected 1096 rows, because model.embed_tokens.weight has 1096 rows',
      }),
    )
    expect(() => fused(tensorsOf(tiny, 'fused', { 'model.norm.weight': [512, 1] }))).toThrow(
      expect.objectContaining({ code: 'TENSOR_SHAPE', subject: 'model.norm.weight' }),
    )
  })

  it.each([
    ['qkv_proj', 'self_attn.qkv_proj.weight', 767],
    ['gate_up_proj', 'mlp.gate_up_proj.weight', 2000],
  ])('refuses a fused %s whose rows cannot be taken apart', (_, part, rows) => {
    const changes = Object.fromEntries([0, 1, 2, 3].map((layer) => [`model.layers.${layer}.${part}`, [rows, 512]]))
    expect(() => fused(tensorsOf(tiny, 'fused', changes))).toThrow(
      expect.objectContaining({ code: 'TENSOR_SHAPE', message: expect.stringContaining(`has ${rows} rows`) }),
    )
  })

  it('refuses tensors that have no place rather than leave weights out', () => {
    const bias = { name: 'model.layers.1.self_attn.q_proj.bias', shape: [512] }
    expect(() => split([...tensorsOf(tiny, 'split'), bias])).toThrow(
      expect.objectContaining({
        code: 'TENSOR_UNEXPECTED',
        subject: bias.name,
        message: expect.stringContaining('"model.layers.1.self_attn.q_proj.bias" [512]'),
      }),
    )
  })

  it("skips old checkpoints' buffers, as llama.cpp's converter does", () => {
    const buffer = { name: 'model.layers.1.self_attn.rotary_emb.inv_freq', shape: [64] }
    expect(split([...tensorsOf(tiny, 'split'), buffer]).layers).toBe(4)
  })

  it('is not led by a layer number of a billion', () => {
    const hostile = { name: 'model.layers.999999999.mlp.down_proj.weight', shape: [1] }
    expect(() => fused([...tensorsOf(tiny, 'fused'), hostile])).toThrow(
      expect.objectContaining({ code: 'TENSOR_UNEXPECTED', subject: hostile.name }),
    )
  })
})
