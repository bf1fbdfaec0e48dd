import { describe, expect, it } from 'vitest'
import { formatDuration } from '#dist/base/duration.js'

describe('formatDuration', () => {
  it.each([
    [0, '0.0 s'],
    [4.2, '4.2 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1 min 0 s'],
    [200, '3 min 20 s'],
    [3599.6, '1 h 00 min'],
    [3720, '1 h 02 min'],
    [86_369, '23 h 59 min'],
    [86_399, '1 d 00 h'],
    [273_600, '3 d 04 h'],
    [-4.2, '-4.2 s'],
    [Number.POSITIVE_INFINITY, '?'],
    [Number.NaN, '?'],
  ])('says %d s as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text)
  })
})
