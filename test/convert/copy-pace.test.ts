import { describe, expect, test } from 'vitest'
import { CopyPace } from '#dist/convert/copy-pace.js'

const sliceBytes = 4 * 2 ** 20
const fromCache = 1
/** While others use the memory too. */
const slowly = 10
const fromDisk = 20

/** How many of `slices` were tried, each of which takes `milliseconds` to read or write. */
function tried(pace: CopyPace, slices: number, milliseconds: number, ofDisk = true): number {
  let tries = 0
  for (let slice = 0; slice < slices; slice++) {
    if (!pace.isCopying()) continue
    tries++
    pace.tell({ bytes: sliceBytes, milliseconds, ofDisk })
  }
  return tries
}

describe('whether a file is only copied from the cache of the system, or into it', () => {
  test('is believed as long as it is as fast as memory', () => {
    expect(tried(new CopyPace(), 1000, fromCache)).toBe(1000)
  })

  test('is tried less and less often on a disk', () => {
    const pace = new CopyPace()
    expect(tried(pace, 1000, fromDisk)).toBe(9)
    expect(tried(pace, 10_000, fromDisk)).toBe(10)
  })

  test('is believed again when it is', () => {
    const pace = new CopyPace()
    tried(pace, 100, fromDisk)
    expect(tried(pace, 2000, fromCache)).toBeGreaterThan(1900)
  })

  test('is not told by what the disk had read ahead', () => {
    const pace = new CopyPace()
    let tries = 0
    for (let slice = 0; slice < 10_000; slice++) {
      if (!pace.isCopying()) continue
      tries++
      pace.tell({ bytes: sliceBytes, milliseconds: tries % 2 === 0 ? fromCache : fromDisk, ofDisk: true })
    }
    expect(tries).toBeLessThan(40)
  })

  test('is still believed after one that somebody held up', () => {
    const pace = new CopyPace()
    for (let slice = 0; slice < 100; slice++) {
      expect(pace.isCopying()).toBe(true)
      pace.tell({ bytes: sliceBytes, milliseconds: slice % 4 === 0 ? fromDisk : fromCache, ofDisk: true })
    }
  })

  test('is believed of slow memory, as long as no disk is read', () => {
    expect(tried(new CopyPace(), 1000, slowly, false)).toBe(1000)
    expect(tried(new CopyPace(), 1000, slowly)).toBe(9)
  })

  test('is not believed of what is far slower than memory, whoever made it wait', () => {
    expect(tried(new CopyPace(), 1000, fromDisk, false)).toBe(9)
  })

  test('is not judged by the time that one call takes', () => {
    const pace = new CopyPace()
    pace.tell({ bytes: 100, milliseconds: 0.1, ofDisk: true })
    expect(pace.isCopying()).toBe(true)
  })
})
