import { describe, expect, test } from 'vitest'
import { ReadPace } from '#dist/convert/read-pace.js'

const sliceBytes = 4 * 2 ** 20
const fromCache = 1
const fromDisk = 20

/** How many of `slices` were tried, each of which takes `milliseconds` to read. */
function tried(pace: ReadPace, slices: number, milliseconds: number): number {
  let tries = 0
  for (let slice = 0; slice < slices; slice++) {
    if (!pace.isCached()) continue
    tries++
    pace.tell(sliceBytes, milliseconds)
  }
  return tries
}

describe('whether files are in the cache of the system', () => {
  test('is believed as long as they are read as fast as memory', () => {
    expect(tried(new ReadPace(), 1000, fromCache)).toBe(1000)
  })

  test('is tried less and less often on a disk', () => {
    const pace = new ReadPace()
    expect(tried(pace, 1000, fromDisk)).toBe(8)
    expect(tried(pace, 10_000, fromDisk)).toBe(10)
  })

  test('is believed again when they are', () => {
    const pace = new ReadPace()
    tried(pace, 100, fromDisk)
    expect(tried(pace, 2000, fromCache)).toBeGreaterThan(1900)
  })

  test('is not told by what the disk had read ahead', () => {
    const pace = new ReadPace()
    let tries = 0
    for (let slice = 0; slice < 10_000; slice++) {
      if (!pace.isCached()) continue
      tries++
      pace.tell(sliceBytes, tries % 2 === 0 ? fromCache : fromDisk)
    }
    expect(tries).toBeLessThan(40)
  })

  test('is not judged by the time that one call takes', () => {
    const pace = new ReadPace()
    pace.tell(100, 0.1)
    expect(pace.isCached()).toBe(true)
  })
})
