import { describe, expect, it } from 'vitest'
import { configClaims } from '#dist/model/config-claims.js'
import { agreed, type Recognition, recognise, type Sighting } from '#dist/model/recognise.js'

const phi4: Sighting = {
  family: 'phi-fused',
  layers: 40,
  hidden: 5120,
  feedForward: 17920,
  vocabulary: 100352,
  query: 5120,
  keyValue: 1280,
  names: [],
  hasToken: (text) => text === '<|im_sep|>',
}
const llama8b: Sighting = {
  family: 'llama-split',
  layers: 32,
  hidden: 4096,
  feedForward: 14336,
  vocabulary: 128256,
  query: 4096,
  keyValue: 1024,
  names: [],
  hasToken: (text) => text === '<|begin_of_text|>' || text === '<|eot_id|>',
}
const names = ({ candidates }: Recognition) => candidates.map(({ name }) => name)
const see = (sighting: Sighting, config = {}, overrides = {}) => recognise(sighting, configClaims(config), overrides)

describe('recognise', () => {
  it('knows Phi-4 by its sizes and its tokenizer, without any name', () => {
    const seen = see(phi4)
    expect(names(seen)).toEqual(['Phi-4'])
    expect(seen.exact).toBe(true)
    expect(agreed(seen, 'ropeTheta')).toEqual({ value: 250000 })
  })

  it('tells Phi-3-medium from Phi-4, whose widths are the same, by vocabulary and tokenizer', () => {
    const seen = see({ ...phi4, vocabulary: 32064, hasToken: () => false })
    expect(names(seen)).toEqual(['Phi-3-medium-4k', 'Phi-3-medium-128k'])
    expect(agreed(seen, 'ropeTheta')).toEqual({ value: 10000 })
    expect(agreed(seen, 'contextLength')).toBeUndefined()
  })

  it('chooses between Phi-3-medium 4k and 128k by the context that is claimed', () => {
    const medium = { ...phi4, vocabulary: 32064, hasToken: () => false }
    expect(names(see(medium, { max_position_embeddings: 4096 }))).toEqual(['Phi-3-medium-4k'])
    expect(names(see(medium, {}, { contextLength: 131072 }))).toEqual(['Phi-3-medium-128k'])
  })

  it('does not take Phi-4 sizes for Phi-4 when the tokenizer is another', () => {
    expect(names(see({ ...phi4, hasToken: () => false }))).toEqual([])
  })

  it('knows Phi-4 with tokens added to its vocabulary', () => {
    expect(names(see({ ...phi4, vocabulary: 100416 }))).toEqual(['Phi-4'])
  })

  it('leaves Phi-4 and Phi-4-reasoning open where only names or constants can tell', () => {
    const thinking = { ...phi4, hasToken: (text: string) => ['<|im_sep|>', '<think>'].includes(text) }
    expect(names(see(thinking))).toEqual(['Phi-4', 'Phi-4-reasoning'])
    expect(agreed(see(thinking), 'ropeTheta')).toBeUndefined()
    const named = { ...thinking, names: [{ where: 'README.md base_model', id: 'microsoft/Phi-4-reasoning' }] }
    expect(agreed(see(named), 'ropeTheta')).toEqual({ value: 500000 })
    expect(names(see(thinking, { rope_theta: 500000, max_position_embeddings: 32768 }))).toEqual(['Phi-4-reasoning'])
  })

  it('chooses between Llama 3 and 3.1, whose shapes are the same, by name or context', () => {
    expect(names(see(llama8b))).toEqual(['Llama-3-8B', 'Llama-3.1-8B'])
    expect(names(see(llama8b, { max_position_embeddings: 131072 }))).toEqual(['Llama-3.1-8B'])
    const id = 'unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit'
    expect(names(see({ ...llama8b, names: [{ where: 'README.md base_model', id }] }))).toEqual(['Llama-3.1-8B'])
  })

  it('knows a Phi-4 of another size by its name, if the tokenizer and the widths bear it out', () => {
    const small = { ...phi4, layers: 2, hidden: 512, feedForward: 1024, vocabulary: 1096, query: 512, keyValue: 128 }
    const claimed = { where: 'config.json _name_or_path', id: 'microsoft/phi-4' }
    const seen = see({ ...small, names: [claimed] })
    expect(names(seen)).toEqual(['Phi-4'])
    expect(seen.exact).toBe(false)
    expect(names(see(small))).toEqual([])
    expect(names(see({ ...small, query: 576, names: [claimed] }))).toEqual([])
  })

  it('refutes a name that the tokenizer does not bear out', () => {
    const claimed = { where: 'config.json _name_or_path', id: 'microsoft/phi-4' }
    const seen = see({ ...llama8b, names: [claimed], query: 2048 })
    expect(names(seen)).toEqual([])
    expect(seen.contradictions).toMatchObject([
      { where: 'config.json _name_or_path', claimed: 'microsoft/phi-4', actual: 'not Phi-4' },
    ])
    expect(seen.contradictions[0]?.because).toContain('<|im_sep|>')
  })

  it('refutes a name that the shape disproves', () => {
    const claimed = { where: 'README.md base_model', id: 'meta-llama/Llama-3.1-8B' }
    expect(see({ ...phi4, names: [claimed] }).contradictions).toMatchObject([
      { where: 'README.md base_model', claimed: 'meta-llama/Llama-3.1-8B', actual: 'Phi-4' },
    ])
  })
})
