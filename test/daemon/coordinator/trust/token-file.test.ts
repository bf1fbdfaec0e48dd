import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { readToken, TokenFile } from '#dist/daemon/coordinator/trust/token-file.js'
import { refusal } from '../../../helpers/refusal.ts'
import { temporaryFolder } from '../../../helpers/temporary-folder.ts'

const first = 'the-first-token-of-all'
const second = 'another-token-than-that'

/** A token file and a clock that the test moves. */
async function watched() {
  const path = join(await temporaryFolder(), 'token')
  writeFileSync(path, `${first}\n`)
  const lines: string[] = []
  const clock = { now: 0 }
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  return { path, clock, lines, token: new TokenFile(path, log, () => clock.now) }
}

test('only the whole token is the token', async () => {
  const { token } = await watched()
  expect(token.matches(first)).toBe(true)
  for (const other of ['', first.slice(0, -1), `${first}x`, `${first}\n`, first.toUpperCase(), second]) {
    expect(token.matches(other)).toBe(false)
  }
})

describe('a token that is changed while the daemon runs', () => {
  test('counts within a second, and the old one no longer', async () => {
    const { path, clock, lines, token } = await watched()
    writeFileSync(`${path}.new`, second)
    renameSync(`${path}.new`, path)
    clock.now = 1001
    expect(token.matches(first)).toBe(false)
    expect(token.matches(second)).toBe(true)
    expect(lines.join()).toContain('has changed')
    expect(lines.join()).not.toContain(second)
  })

  test('is looked for at most once a second, however many ask', async () => {
    const { path, clock, token } = await watched()
    writeFileSync(`${path}.new`, second)
    renameSync(`${path}.new`, path)
    clock.now = 999
    expect(token.matches(first)).toBe(true)
    clock.now = 1000
    expect(token.matches(first)).toBe(false)
  })

  test('lets nobody in while the file is missing or holds none, and everybody when it is back', async () => {
    const { path, clock, lines, token } = await watched()
    rmSync(path)
    clock.now = 1001
    expect(token.matches(first)).toBe(false)
    writeFileSync(path, '')
    clock.now = 2002
    expect(token.matches(first)).toBe(false)
    expect(token.matches('')).toBe(false)
    writeFileSync(path, second)
    clock.now = 3003
    expect(token.matches(second)).toBe(true)
    expect(lines.filter((line) => line.includes('cannot be read'))).toHaveLength(1)
  })
})

describe('a file that holds no token is refused at the start', () => {
  const cases: [string, string | Buffer][] = [
    ['nothing', ''],
    ['only white space', ' \n\t\n'],
    ['too short a word', 'short'],
    ['two words', 'one-long-enough-word and-another-one'],
    ['two lines', `${first}\n${second}`],
    ['letters that no header takes', 'ein-schlüssel-mit-umlaut'],
    ['a control character', `${first}\u0007`],
    ['too much', 'x'.repeat(1025)],
    ['anything but text', Buffer.from(Array.from({ length: 64 }, (_, index) => 200 + (index % 50)))],
  ]
  test.each(cases)('%s', async (_, content) => {
    const path = join(await temporaryFolder(), 'token')
    writeFileSync(path, content)
    const error = await refusal((async () => readToken(path))())
    expect(error.code).toBe('TOKEN_UNUSABLE')
    expect(error.message).not.toContain(first)
  })

  test('and so is one that is not there, or a folder', async () => {
    const folder = await temporaryFolder()
    for (const path of [join(folder, 'none'), folder]) {
      expect((await refusal((async () => readToken(path))())).code).toBe('TOKEN_UNUSABLE')
    }
  })
})
