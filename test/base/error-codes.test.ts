import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { errorCodes, exitStatus } from '#dist/base/error-codes.js'

const document = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')

/** The cells of the table rows whose first cell matches. */
function rows(first: RegExp): string[][] {
  return document
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter(([cell = '']) => first.test(cell))
}

test('docs/errors.md lists every code in order, with its exit status and whether a retry can help', () => {
  const documented = rows(/^`[A-Z_]+`$/).map(([code, exit, retry]) => [code?.replaceAll('`', ''), exit, retry])
  const known = Object.entries(errorCodes).map(([code, { exit, retry }]) => [code, `${exit}`, retry ? 'yes' : 'no'])
  expect(documented).toEqual(known)
})

test('docs/errors.md says of each code what it means and what to do', () => {
  for (const [code, , , meaning, advice] of rows(/^`[A-Z_]+`$/)) {
    expect({ code, meaning, advice }).toEqual({
      code,
      meaning: expect.stringMatching(/^[A-Z`].{15,}\.$/),
      advice: expect.stringMatching(/^[A-Z`].{5,}\.$/),
    })
  }
})

test('docs/errors.md lists every exit status', () => {
  const documented = rows(/^\d+$/).map(([status]) => Number(status))
  expect(documented).toEqual([0, ...Object.values(exitStatus)])
})

test('every code is raised somewhere in src', () => {
  const source = readdirSync(new URL('../../src', import.meta.url), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('error-codes.ts'))
    .map((path) => readFileSync(new URL(`../../src/${path.replaceAll('\\', '/')}`, import.meta.url), 'utf8'))
    .join('\n')
  expect(Object.keys(errorCodes).filter((code) => !source.includes(`'${code}'`))).toEqual([])
})
