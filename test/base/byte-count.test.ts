import { describe, expect, it } from 'vitest'
import { formatBytes, parseByteCount } from '#dist/base/byte-count.js'

const MiB = 1024 ** 2
const GiB = 1024 ** 3

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [1536, '1.50 KiB'],
    [10.24 * 1024, '10.2 KiB'],
    [1023.6 * 1024, '1.00 MiB'],
    [512 * MiB, '512 MiB'],
    [7028.14 * MiB, '6.86 GiB'],
    [9.996 * GiB, '10.0 GiB'],
    [99.96 * GiB, '100 GiB'],
    [58_640_000_000, '54.6 GiB'],
    [3 * 1024 * GiB, '3.00 TiB'],
    [-2048, '-2.00 KiB'],
  ])('says %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })
})

describe('parseByteCount', () => {
  it.each([
    ['512M', 512 * MiB],
    ['1.5G', 1.5 * GiB],
    ['1GiB', GiB],
    ['1 gb', GiB],
    ['800k', 800 * 1024],
    ['4096', 4096],
    ['4096 B', 4096],
    ['2T', 2048 * GiB],
    [' 64m ', 64 * MiB],
  ])('reads %j as %d', (text, bytes) => {
    expect(parseByteCount(text)).toBe(bytes)
  })

  it.each(['', 'M', '-1M', '1e9', '1,5G', '512 Mbit', '0', '0.0G', 'NaN', '99999999P', '1 G B', '0x10'])(
    'refuses %j',
    (text) => {
      expect(parseByteCount(text)).toBeUndefined()
    },
  )
})
