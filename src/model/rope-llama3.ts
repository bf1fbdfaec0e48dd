import type { TensorMapping } from './description.ts'
import type { RopeScaling } from './rope-scaling.ts'

/**
 * Llama 3.1's rotary scaling as divisors of each frequency: 1 for short waves, `factor` for long ones, and a smooth
 * passage between. Source: llama.cpp conversion/llama.py, which computes in single precision; so do these roundings.
 * @param headSize rotary dimensions of a head
 */
export function llama3Tensors(scaling: RopeScaling, ropeTheta: number, headSize: number): readonly TensorMapping[] {
  if (scaling.kind !== 'llama3') return []
  const values = Array.from({ length: headSize / 2 }, (_, pair) => {
    const exponent = Math.fround((2 * pair) / headSize)
    const frequency = Math.fround(1 / Math.fround(ropeTheta ** exponent))
    return divisor(Math.fround((2 * Math.PI) / frequency), scaling)
  })
  return [{ name: 'rope_freqs.weight', shape: [values.length], source: { kind: 'values', values } }]
}

function divisor(wavelength: number, scaling: RopeScaling & { kind: 'llama3' }): number {
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalContext } = scaling
  if (wavelength < originalContext / highFrequencyFactor) return 1
  if (wavelength > originalContext / lowFrequencyFactor) return Math.fround(factor)
  const waves = Math.fround(originalContext / wavelength)
  const smooth = Math.fround(Math.fround(waves - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor))
  const blended = Math.fround(Math.fround(Math.fround(1 - smooth) / factor) + smooth)
  return Math.fround(1 / blended)
}
