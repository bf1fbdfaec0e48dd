import { describe, expect, it } from 'vitest'
import { rowBytes } from '#dist/formats/ggml/block-types.js'
import { chooseTypes, mixNames, type TypeChoice } from '#dist/quant/choose-types.js'
import type { ModelShape } from '#dist/quant/model-to-type.js'
import { type RecipeName, recipe } from '#dist/quant/recipes.js'

const model: ModelShape = { architecture: 'llama', layers: 2, heads: 8, kvHeads: 2, experts: 0 }

/** The choice for a feed-forward gate, which always gets the base type, with rows of `columns`. */
function gate(name: RecipeName, columns: number, mix: 'latest' | 'b3613' = 'latest'): TypeChoice | undefined {
  const tensors = [{ name: 'blk.0.ffn_gate.weight', shape: [10, columns] }]
  return chooseTypes(tensors, model, recipe(name), mix)[0]
}

describe('rows that are not whole blocks', () => {
  it('say the type that was wanted, the reason, and what they cost', () => {
    // 10 rows of 288: Q5_0 takes 22 bytes for 32 weights; Q4_K would take 144 for 256, 1620 bytes in all.
    expect(gate('Q4_K_M', 288)).toEqual({
      type: 'Q5_0',
      reason: 'Q4_K_M base type; rows of 288 are not whole blocks of Q4_K (256)',
      fallback: { wanted: 'Q4_K', extraBytes: 10 * rowBytes('Q5_0', 288) - 1620 },
    })
  })

  it('count a fraction of a wanted byte as one', () => {
    // 10 rows of 100 in Q3_K: 1000 · 110 / 256 = 429.7 bytes.
    expect(gate('Q3_K_S', 100)?.fallback).toEqual({ wanted: 'Q3_K', extraBytes: 10 * 200 - 430 })
  })

  it.each([
    ['Q2_K', 'Q4_0', 'IQ4_NL'],
    ['Q3_K_S', 'Q4_0', 'IQ4_NL'],
    ['Q4_K_S', 'Q5_0', 'Q5_0'],
    ['Q5_K_S', 'Q5_1', 'Q5_1'],
    ['Q6_K', 'Q8_0', 'Q8_0'],
    ['IQ3_S', 'IQ4_NL', 'IQ4_NL'],
    ['IQ4_XS', 'IQ4_NL', 'IQ4_NL'],
    ['Q4_0', 'Q4_0', 'Q4_0'],
    ['Q8_0', 'Q8_0', 'Q8_0'],
    ['BF16', 'BF16', 'BF16'],
  ] as const)('of 32, under %s, become %s, and %s in the mix b3613', (name, latest, b3613) => {
    expect(gate(name, 32)?.type).toBe(latest)
    expect(gate(name, 32, 'b3613')?.type).toBe(b3613)
  })

  it.each(mixNames)('of 33 become F16 whatever the quantized type, in the mix %s', (mix) => {
    expect((['Q2_K', 'Q4_K_M', 'Q6_K', 'Q8_0'] as const).map((name) => gate(name, 33, mix)?.type)).toEqual(
      Array.from({ length: 4 }, () => 'F16'),
    )
  })

  it('of 256 need no replacement', () => {
    expect(gate('Q3_K_M', 256)).toEqual({ type: 'Q3_K', reason: 'Q3_K_M base type' })
  })
})
