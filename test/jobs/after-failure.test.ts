import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ErrorCode, errorCodes } from '#dist/base/error-codes.js'
import { MiberaError } from '#dist/base/errors.js'
import { afterFailure } from '#dist/jobs/after-failure.js'

const codes = Object.keys(errorCodes) as ErrorCode[]
const decide = (code: ErrorCode, failures: number, needsDisk?: number) =>
  afterFailure(new MiberaError(code, 'what happened'), failures, needsDisk)

test('an error that a retry cannot help fails at once; any other waits', () => {
  for (const code of codes) expect([code, decide(code, 1).kind !== 'fail']).toEqual([code, errorCodes[code].retry])
})

test('waits grow from seconds to an hour, and end after half a day', () => {
  const waits = Array.from({ length: 18 }, (_, index) => decide('IO', index + 1))
  const seconds = waits.map((decision) => ('milliseconds' in decision ? decision.milliseconds / 1000 : 'fail'))
  expect(seconds.slice(0, 7)).toEqual([5, 15, 60, 300, 900, 3600, 3600])
  expect(seconds.at(-1)).toBe('fail')
  const total = seconds.reduce<number>((sum, wait) => sum + (typeof wait === 'number' ? wait : 0), 0)
  expect(total).toBeGreaterThan(12 * 3600)
})

test('want of disk waits for its bytes and is never given up, nor asked without pause', () => {
  expect(decide('DISK_TOO_SMALL', 1, 7e9)).toEqual({ kind: 'wait-for-disk', bytes: 7e9, milliseconds: 0 })
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 1000 }), fc.constantFrom('DISK_FULL', 'DISK_TOO_SMALL'), (failures, code) => {
      const decision = decide(code, failures, 5)
      expect(decision).toMatchObject({ kind: 'wait-for-disk', bytes: 5 })
      expect('milliseconds' in decision && decision.milliseconds).toBeGreaterThanOrEqual(5000)
      expect('milliseconds' in decision && decision.milliseconds).toBeLessThanOrEqual(15_000)
    }),
  )
})
