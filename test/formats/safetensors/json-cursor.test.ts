import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonCursor, JsonError } from '#dist/formats/safetensors/json-cursor.js'

function accepts(text: string): boolean {
  const cursor = new JsonCursor(text)
  try {
    cursor.skip('the text', 100)
    cursor.end()
    return true
  } catch (error) {
    if (error instanceof JsonError) return false
    throw error
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** JSON with one character removed, doubled or replaced: mostly not JSON any more. */
const nearlyJson = fc
  .tuple(
    fc.json({ maxDepth: 5 }),
    fc.nat(),
    fc.constantFrom('', '"', '{', ']', ',', '\\', '0', '.', '-', 'e', '\u0001'),
  )
  .map(([json, position, inserted]) => {
    const at = position % (json.length + 1)
    return json.slice(0, at) + inserted + json.slice(at + (position % 2))
  })

test('exactly what JSON.parse accepts is accepted', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json({ maxDepth: 5 }), nearlyJson), (text) => {
      fc.pre(!/\\ud[89a-f]/i.test(text) && !/\p{Surrogate}/u.test(text))
      expect(accepts(text)).toBe(parses(text))
    }),
    { numRuns: 3000 },
  )
})

test('an object of strings is read as JSON.parse reads it', () => {
  const text = fc.string({ unit: 'grapheme' })
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name }),
      fc.boolean(),
      (members, spaced) => {
        const json = JSON.stringify(Object.fromEntries(members), undefined, spaced ? 2 : 0)
        const cursor = new JsonCursor(json)
        const read = new Map<string, string>()
        cursor.object('it', 1000, (name) => read.set(name, cursor.string('value')))
        cursor.end()
        expect(read).toEqual(new Map(Object.entries(JSON.parse(json))))
      },
    ),
  )
})

test('whole numbers up to 2^53 − 1 are read, and nothing else is', () => {
  const read = (text: string) => new JsonCursor(text).size('number')
  expect(read('0')).toBe(0)
  expect(read(' 9007199254740991')).toBe(2 ** 53 - 1)
  for (const text of ['-1', '-0', '1.0', '1e3', '01', '', '"1"', '9007199254740992', '9'.repeat(1000)]) {
    expect(() => read(text), text).toThrow(JsonError)
  }
})

test('half of a surrogate pair is refused', () => {
  expect(() => new JsonCursor('"\\ud800"').string('name')).toThrow(/surrogate/)
  expect(new JsonCursor('"\\ud83d\\ude00"').string('name')).toBe('😀')
})
