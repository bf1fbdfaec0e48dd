import { describe, expect, test } from 'vitest'
import { CopyPace } from '#dist/convert/copy-pace.js'

const sliceBytes = 4 * 2 ** 20
const fromCache = 1
const fromDisk = 20

/** How many of `slices` were tried, each of which takes `milliseconds` to read or write. */
function tried(pace: CopyPace, slices: number, milliseconds: number): number {
  let tries = 0
  for (let slice = 0; slice < slices; slice++) {
    if (!pace.isCopying()) continue
    tries++
    pace.tell(sliceBytes, milliseconds)
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
      pace.tell(sliceBytes, tries % 2 === 0 ? fromCache : fromDisk)
    }
    expect(tries).toBeLessThan(40)
  })

  test('is still believed after one that somebody held up', () => {
    const pace = new CopyPace()
    for (let slice = 0; slice < 100; slice++) {
      expect(pace.isCopying()).toBe(true)
      pace.tell(sliceBytes, slice % 4 === 0 ? fromDisk : fromCache)
    }
  })

  test('is not judged by the time that one call takes', () => {
    const pace = new CopyPace()
    pace.tell(100, 0.1)
    expect(pace.isCopying()).toBe(true)
  })
})
