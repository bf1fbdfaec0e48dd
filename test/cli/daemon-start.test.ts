import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type CommandEnd, mibera } from '../helpers/command-line.ts'
import { startRedis } from '../helpers/redis.ts'
import { freePort } from '../helpers/redis-server.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

/** Starts a daemon that leads workers over a Redis. Stopped after the test. */
async function start(redis: string, ...words: string[]): Promise<CommandEnd> {
  const folder = await temporaryFolder()
  const state = ['--state-dir', join(folder, 'state')]
  const token = join(folder, 'token')
  await mibera(['daemon', 'token', token])
  onTestFinished(async () => void (await mibera(['daemon', 'stop', ...state])))
  const listening = ['--listen', '127.0.0.1:0', '--token-file', token]
  return mibera(['daemon', 'start', ...state, '--redis', redis, ...listening, ...words])
}

test('a daemon starts without its Redis, and says that workers get no jobs, and what to do', async () => {
  const url = `redis://127.0.0.1:${await freePort()}`
  const [plain, quiet, json] = await Promise.all([start(url), start(url, '--quiet'), start(url, '--json')])
  expect(plain.status).toBe(0)
  expect(plain.stdout).toMatch(/^The daemon runs/)
  expect(plain.stderr).toMatch(
    /^mibera: warning: Redis at [^\n]+ cannot be reached: [^\n]+\n {2}Start Redis there, [^\n]+\n/,
  )
  expect(quiet).toMatchObject({ status: 0, stdout: '', stderr: plain.stderr })
  expect(JSON.parse(json.stdout)).toMatchObject({ warning: { code: 'REDIS_UNREACHABLE', retry: true } })
})

test('and so it does where Redis does not let it in, without the password', async () => {
  const { url } = await startRedis(['--requirepass', 'a-password'])
  const { status, stderr } = await start(url.replace('redis://', 'redis://:wrong@'))
  expect(status).toBe(0)
  expect(stderr).toMatch(
    /^mibera: warning: Redis at [^\n]+ refuses: [^\n]+\n {2}Check user and password [^\n]+\n {2}\(REDIS_REFUSED\)\n$/,
  )
  expect(stderr).not.toContain('wrong')
})

test('there is nothing to say where Redis answers', async () => {
  const { url } = await startRedis()
  expect(await start(url)).toMatchObject({ status: 0, stderr: '' })
})
