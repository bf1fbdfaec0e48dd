import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checksumBytes, compileKernels, Kernels } from '#dist/quant/kernels.js'
import { seededRandom } from '../helpers/random.ts'

const most = 450_560
const page = 4096
const kernels = new Kernels(compileKernels())
const address = kernels.reserve(most + 64)

function checksum(bytes: Uint8Array, at = address): string {
  new Uint8Array(kernels.memory.buffer, at, bytes.length).set(bytes)
  return Buffer.from(kernels.checksum(at, bytes.length)).toString('hex')
}

/** Fletcher's two sums for each of four lanes, word by word, as the definition has them. */
function byDefinition(bytes: Uint8Array): string {
  const padded = Buffer.alloc(Math.ceil(bytes.length / 16) * 16)
  padded.set(bytes)
  const sums = new BigUint64Array(8)
  for (let word = 0; word < padded.length / 4; word++) {
    const lane = word % 4
    sums[lane] = (sums[lane] ?? 0n) + BigInt(padded.readUInt32LE(word * 4))
    sums[4 + lane] = (sums[4 + lane] ?? 0n) + (sums[lane] ?? 0n)
  }
  return Buffer.from(sums.buffer).toString('hex')
}

function randomBytes(length: number, seed = 1): Uint8Array {
  const random = seededRandom(seed)
  return Uint8Array.from({ length }, () => Math.floor(random.uniform() * 256))
}

test.each([0, 1, 3, 4, 15, 16, 17, 31, 110, 144, 4096, 65_535, most])('is as defined for %i bytes', (length) => {
  const bytes = randomBytes(length)
  expect(checksum(bytes)).toBe(byDefinition(bytes))
  expect(checksum(bytes)).toHaveLength(2 * checksumBytes)
})

test('is as defined where its sums are largest, and at any address', () => {
  const bytes = new Uint8Array(most).fill(0xff)
  expect(checksum(bytes)).toBe(byDefinition(bytes))
  expect(checksum(bytes.subarray(1000), address + 7)).toBe(byDefinition(bytes.subarray(1000)))
})

test('does not depend on what was summed before, or lies behind', () => {
  const bytes = randomBytes(33)
  const alone = checksum(bytes)
  checksum(new Uint8Array(most).fill(0xaa))
  expect(checksum(bytes)).toBe(alone)
})

describe('shows', () => {
  const whole = randomBytes(most)
  const sound = checksum(whole)
  const damaged = (change: (bytes: Uint8Array) => void) => {
    const bytes = whole.slice()
    change(bytes)
    return checksum(bytes)
  }

  test('any change of a word or two', () => {
    const place = fc.nat(most / 4 - 1)
    const change = fc.uint8Array({ minLength: 4, maxLength: 4 })
    const differ = (place: number, bytes: Uint8Array) =>
      Buffer.compare(whole.subarray(place * 4, place * 4 + 4), bytes) !== 0
    fc.assert(
      fc.property(place, change, place, change, (one, first, other, second) => {
        fc.pre(differ(one, first) || differ(other, second))
        const found = damaged((bytes) => {
          bytes.set(second, other * 4)
          bytes.set(first, one * 4)
        })
        fc.pre(differ(one, first) || one !== other)
        expect(found).not.toBe(sound)
      }),
      { numRuns: 200 },
    )
  })

  test('every bit of a byte, first and last', () => {
    for (const at of [0, 1, 15, most - 16, most - 1]) {
      for (let bit = 0; bit < 8; bit++) {
        expect(
          damaged((bytes) => {
            bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
          }),
        ).not.toBe(sound)
      }
    }
  })

  test('a page of zeros, wherever it is', () => {
    for (let at = 0; at + page <= most; at += page) {
      expect(damaged((bytes) => bytes.fill(0, at, at + page))).not.toBe(sound)
    }
  })

  test('pages in each other’s place, and a page moved by a word', () => {
    for (let at = page; at + page <= most; at += page) {
      const swapped = damaged((bytes) => {
        bytes.set(whole.subarray(0, page), at)
        bytes.set(whole.subarray(at, at + page), 0)
      })
      expect(swapped).not.toBe(sound)
      expect(damaged((bytes) => bytes.copyWithin(at, at - 4, at + page - 4))).not.toBe(sound)
    }
  })

  test('two words of a lane in each other’s place', () => {
    expect(
      damaged((bytes) => {
        bytes.copyWithin(16, 32, 36)
        bytes.set(whole.subarray(16, 20), 32)
      }),
    ).not.toBe(sound)
  })
})
