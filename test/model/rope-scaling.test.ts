import { describe, expect, it } from 'vitest'
import { llama3Tensors } from '#dist/model/rope-llama3.js'
import { longropeAttentionFactor, longropeTensors } from '#dist/model/rope-longrope.js'
import { ropeScaling } from '#dist/model/rope-scaling.js'

const llama31 = {
  rope_scaling: {
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
    rope_type: 'llama3',
  },
}

function llama3Factors(): readonly number[] {
  const [tensor] = llama3Tensors(ropeScaling(llama31), 500000, 128)
  if (tensor?.source.kind !== 'values') throw new Error('rope_freqs holds no values')
  expect(tensor).toMatchObject({ name: 'rope_freqs.weight', shape: [64] })
  return tensor.source.values
}

describe('llama3 scaling', () => {
  it('leaves short waves alone, divides long ones by the factor, and passes smoothly between', () => {
    const factors = llama3Factors()
    // Llama 3.1: waves shorter than 8192 / 4 positions are the first 29 pairs, longer than 8192 the last 28.
    expect(factors.slice(0, 29)).toEqual(Array(29).fill(1))
    expect(factors.slice(36)).toEqual(Array(28).fill(8))
    for (const [index, factor] of factors.slice(28, 36).entries()) {
      expect(factor).toBeLessThanOrEqual(factors[29 + index] ?? 0)
    }
  })

  it('agrees with the definition in transformers, which scales the frequencies themselves', () => {
    for (const [pair, factor] of llama3Factors().entries()) {
      const frequency = 500000 ** (-pair / 64)
      const smooth = Math.min(Math.max(((8192 * frequency) / (2 * Math.PI) - 1) / 3, 0), 1)
      const scaled = (1 - smooth) * (frequency / 8) + smooth * frequency
      expect(frequency / factor / scaled).toBeCloseTo(1, 5)
      expect(Math.fround(factor)).toBe(factor)
    }
  })
})

describe('longrope', () => {
  const factors = Array.from({ length: 48 }, (_, index) => 1 + index)
  const phi3 = { rope_scaling: { type: 'su', long_factor: factors, short_factor: factors } }

  // Phi-3-mini-128k's published conversion holds 1.190238.
  it('scales attention as Phi-3-mini-128k does', () => {
    expect(longropeAttentionFactor(ropeScaling(phi3), 131072, 4096)).toBeCloseTo(1.190238, 6)
    expect(longropeAttentionFactor(ropeScaling(phi3), 4096, 4096)).toBe(1)
    expect(longropeAttentionFactor({ kind: 'none' }, 131072, 4096)).toBeUndefined()
  })

  it('writes one factor for each pair of rotary dimensions, and refuses any other number', () => {
    expect(longropeTensors(ropeScaling(phi3), 96)).toEqual([
      { name: 'rope_factors_long.weight', shape: [48], source: { kind: 'values', values: factors } },
      { name: 'rope_factors_short.weight', shape: [48], source: { kind: 'values', values: factors } },
    ])
    expect(() => longropeTensors(ropeScaling(phi3), 128)).toThrow(
      expect.objectContaining({
        code: 'MODEL_UNSUPPORTED',
        message: expect.stringContaining('48 factors; expected 64'),
      }),
    )
  })
})

describe('ropeScaling', () => {
  it.each([
    [{}, { kind: 'none' }],
    [{ rope_scaling: null }, { kind: 'none' }],
    [{ rope_parameters: { rope_type: 'default', rope_theta: 1e4 } }, { kind: 'none' }],
    [{ rope_scaling: { type: 'linear', factor: 4 } }, { kind: 'linear', factor: 4 }],
    [{ rope_scaling: { type: 'dynamic', factor: 2 } }, { kind: 'unknown', name: 'dynamic' }],
    [{ rope_scaling: { rope_type: 'longrope', long_factor: [] } }, { kind: 'unknown', name: 'longrope' }],
    [{ rope_scaling: { rope_type: 'llama3', factor: 'x' } }, { kind: 'unknown', name: 'llama3' }],
  ])('reads %j', (config, expected) => {
    expect(ropeScaling(config)).toEqual(expected)
  })
})
