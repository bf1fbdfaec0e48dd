import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeNewToken } from '#dist/daemon/coordinator/trust/new-token.js'
import { mibera } from '../../../helpers/command-line.ts'
import { temporaryFolder } from '../../../helpers/temporary-folder.ts'

test('a token is 256 bits in one line, for its owner alone, and never the same', async () => {
  const folder = await temporaryFolder()
  const texts = new Set<string>()
  for (const name of ['a', 'b', 'c']) {
    await writeNewToken(join(folder, name), { replace: false })
    texts.add(readFileSync(join(folder, name), 'utf8'))
    if (process.platform !== 'win32') expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
  }
  expect(texts.size).toBe(3)
  for (const text of texts) {
    expect(text).toMatch(/^[\w-]{43}\n$/)
    expect(Buffer.from(text.trim(), 'base64url').length).toBe(32)
  }
  expect(readdirSync(folder).sort()).toEqual(['a', 'b', 'c'])
})

test('of many who make the same token at once, one does', async () => {
  const path = join(await temporaryFolder(), 'token')
  const ends = await Promise.allSettled(Array.from({ length: 8 }, () => writeNewToken(path, { replace: false })))
  const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason.code] : []))
  expect(refused).toEqual(Array(7).fill('OUTPUT_EXISTS'))
  expect(readFileSync(path, 'utf8')).toMatch(/^[\w-]{43}\n$/)
})

test('the command replaces a token only when told to, and never prints it', async () => {
  const folder = await temporaryFolder()
  const path = join(folder, 'token')
  writeFileSync(path, 'former\n', { mode: 0o644 })
  const refused = await mibera(['daemon', 'token', path])
  expect(refused.status).toBe(5)
  expect(refused.stderr).toContain('--force')
  expect(readFileSync(path, 'utf8')).toBe('former\n')
  const { status, stdout } = await mibera(['daemon', 'token', 'token', '--force', '--json'], { cwd: folder })
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toEqual({ tokenFile: path })
  const token = readFileSync(path, 'utf8').trim()
  expect(token).toHaveLength(43)
  expect(stdout).not.toContain(token)
  if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('where nothing can be written nothing is left', async () => {
  const folder = await temporaryFolder()
  const { status } = await mibera(['daemon', 'token', join(folder, 'missing', 'token')])
  expect(status).toBe(8)
  expect(existsSync(join(folder, 'missing'))).toBe(false)
})
