import { expect, test } from 'vitest'
import { listFirst, quote, quoteIfOdd } from '#dist/base/quote.js'

test('control and direction characters of a foreign name never reach the terminal', () => {
  expect(quote('a\u001b[31m\u0007\u009b2J\u202e"b')).toBe('"a\\u001b[31m\\u0007\\u009b2J\\u202e\\"b"')
})

test('a long name is clipped', () => {
  expect(quote('x'.repeat(1_000_000)).length).toBeLessThan(130)
})

test('a harmless file name stays as it is, any other is quoted', () => {
  expect(quoteIfOdd('model-00001-of-00002.safetensors')).toBe('model-00001-of-00002.safetensors')
  expect(quoteIfOdd('a b')).toBe('"a b"')
  expect(quoteIfOdd('')).toBe('""')
})

test('a long list says how much of it is not shown', () => {
  expect(listFirst(['a', 'b'], 2)).toBe('a, b')
  expect(listFirst(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more')
})
