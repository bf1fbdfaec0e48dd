import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editDistance, nearestName } from '#dist/base/nearest-name.js'

const recipes = ['Q2_K', 'Q3_K_S', 'Q3_K_M', 'Q4_K_M', 'Q8_0', 'F16', 'BF16']

describe('nearestName', () => {
  it.each([
    ['q3_k_m', 'Q3_K_M'],
    ['Q3KM', 'Q3_K_M'],
    ['q4-k-m', 'Q4_K_M'],
    ['Q_4K_M', 'Q4_K_M'],
    ['Q3_K_MM', 'Q3_K_M'],
    ['F61', 'F16'],
    ['bfl6', 'BF16'],
  ])('takes %s for %s', (typed, meant) => {
    expect(nearestName(typed, recipes)).toBe(meant)
  })

  it.each(['', 'mistral', 'Z', '--help'])('has no suggestion for %j', (typed) => {
    expect(nearestName(typed, recipes)).toBeUndefined()
  })

  it('prefers the nearer of two near names', () => {
    expect(nearestName('convrt', ['covert', 'convert'])).toBe('convert')
  })
})

describe('editDistance', () => {
  it.each([
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['ab', 'ba', 1],
    ['plan', 'paln', 1],
  ])('is right for %j and %j', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
  })

  it('is symmetric, and bounded by the lengths', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
        const distance = editDistance(a, b)
        expect(distance).toBe(editDistance(b, a))
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length))
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
        expect(distance === 0).toBe(a === b)
      }),
    )
  })
})
