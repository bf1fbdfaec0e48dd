import { expect, test } from 'vitest'
import { TransferRate } from '#dist/daemon/watch/transfer-rate.js'

test('one moment tells no speed', () => {
  const rate = new TransferRate()
  rate.add(5, 1000)
  expect(rate.bytesPerSecond).toBe(0)
})

test('what was there at the beginning was not downloaded since', () => {
  const rate = new TransferRate()
  rate.add(5, 1_000_000)
  rate.add(7, 1_000_300)
  expect(rate.bytesPerSecond).toBe(150)
})

test('is the average of the last 20 seconds, however often it is told', () => {
  const rate = new TransferRate()
  for (let second = 0; second <= 100; second += 0.1) rate.add(second, second * 1000)
  for (let second = 100; second <= 130; second += 0.1) rate.add(second, 100_000 + (second - 100) * 50)
  expect(rate.bytesPerSecond).toBeCloseTo(50, 0)
})

test('falls to nothing when nothing comes any more', () => {
  const rate = new TransferRate()
  for (let second = 0; second <= 10; second++) rate.add(second, second * 1000)
  for (let second = 11; second <= 31; second++) rate.add(second, 10_000)
  expect(rate.bytesPerSecond).toBe(0)
})

test('begins anew when a file is thrown away', () => {
  const rate = new TransferRate()
  rate.add(0, 0)
  rate.add(1, 100_000)
  rate.add(2, 10_000)
  rate.add(3, 11_000)
  expect(rate.bytesPerSecond).toBe(1000)
})
