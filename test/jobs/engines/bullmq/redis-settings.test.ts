import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { redisAddress } from '#dist/jobs/engines/bullmq/redis-settings.js'
import { refusal } from '../../../helpers/refusal.ts'
import { temporaryFolder } from '../../../helpers/temporary-folder.ts'

async function file(text: string): Promise<string> {
  const path = join(await temporaryFolder(), 'file')
  await writeFile(path, text)
  return path
}

test.each([
  ['redis://queue', { host: 'queue', port: 6379, db: 0 }, 'redis://queue:6379/0'],
  ['redis://10.0.0.7:7000/3', { host: '10.0.0.7', port: 7000, db: 3 }, 'redis://10.0.0.7:7000/3'],
  ['redis://[::1]:6380/', { host: '::1', port: 6380, db: 0 }, 'redis://[::1]:6380/0'],
  ['redis://:s3%40cret@h', { host: 'h', port: 6379, db: 0, password: 's3@cret' }, 'redis://h:6379/0'],
  ['redis://me:p%2Fw@h', { host: 'h', port: 6379, db: 0, username: 'me', password: 'p/w' }, 'redis://me@h:6379/0'],
  ['redis://me@h', { host: 'h', port: 6379, db: 0, username: 'me', password: '' }, 'redis://me@h:6379/0'],
  ['rediss://h/15', { host: 'h', port: 6379, db: 15, tls: {} }, 'rediss://h:6379/15'],
])('%s', async (url, options, shown) => {
  expect(await redisAddress({ url })).toEqual({ options, shown })
})

test.each([
  'localhost:6379',
  'http://localhost:6379',
  'redis:///3',
  'redis://',
  'redis://h/three',
  'redis://h/1/2',
  'redis://h:99999',
  'redis://h?family=6',
  'redis://h#x',
  'redis://:%zz-secret@h',
  'redis://me:secret@@@:h:/',
  '',
])('%j is no address of a Redis, and what may be its password is not repeated', async (url) => {
  const error = await refusal(redisAddress({ url }))
  expect(error.code).toBe('USAGE')
  expect(`${error.message} ${error.hint}`).not.toContain('secret')
})

describe('a password in a file', () => {
  test('is that of the address; a line end is not part of it, a space is', async () => {
    const { options } = await redisAddress({ url: 'redis://me@h', passwordFile: await file(' pass word\r\n') })
    expect(options).toMatchObject({ username: 'me', password: ' pass word' })
  })

  test('and another in the address: refused', async () => {
    const error = await refusal(redisAddress({ url: 'redis://:secret@h', passwordFile: await file('other') }))
    expect(error.code).toBe('USAGE')
  })

  test.each(['', '\n', 'x'.repeat(5000)])('that is none (%#) is refused, naming the file', async (text) => {
    const path = await file(text)
    const error = await refusal(redisAddress({ url: 'redis://h', passwordFile: path }))
    expect(error).toMatchObject({ code: 'TOKEN_UNUSABLE', subject: path })
  })

  test('that is not there: refused, naming the file', async () => {
    const path = join(await temporaryFolder(), 'missing')
    const error = await refusal(redisAddress({ url: 'redis://h', passwordFile: path }))
    expect(error).toMatchObject({ code: 'TOKEN_UNUSABLE', subject: path })
    expect(error.message).toContain('ENOENT')
  })
})

test('a certificate is used with TLS, and refused without', async () => {
  const caFile = await file('a certificate')
  expect((await redisAddress({ url: 'rediss://h', caFile })).options.tls).toEqual({ ca: 'a certificate' })
  expect((await refusal(redisAddress({ url: 'redis://h', caFile }))).code).toBe('USAGE')
})
