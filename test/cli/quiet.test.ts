import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import { WorkerDisplay } from '#dist/cli/render/worker-display.js'
import { mainScript, mibera } from '../helpers/command-line.ts'
import { freePort } from '../helpers/redis-server.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

/** A daemon in the foreground, quiet, without its Redis: its state directory, and what it prints. */
async function quietDaemon(): Promise<{ readonly state: string; readonly printed: () => string }> {
  const folder = await temporaryFolder()
  const state = join(folder, 'state')
  await mibera(['daemon', 'token', join(folder, 'token')])
  const leading = ['--redis', `redis://127.0.0.1:${await freePort()}`, '--listen', '127.0.0.1:0']
  const words = ['daemon', 'start', '--foreground', '--quiet', '--state-dir', state, '--token-file']
  const child = spawn(process.execPath, [mainScript, ...words, join(folder, 'token'), ...leading], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    text += more
  })
  await vi.waitFor(
    async () => expect((await mibera(['daemon', 'status', '--state-dir', state])).status).toBe(0),
    60_000,
  )
  return { state, printed: () => text }
}

test('a quiet daemon in the foreground prints its trouble and nothing else; its status is a result', async () => {
  const { state, printed } = await quietDaemon()
  await vi.waitFor(() => expect(printed()).toContain('cannot be reached'), 20_000)
  for (const line of printed().trimEnd().split('\n')) expect(line).toMatch(/Z (warn |error) /)
  const { stdout } = await mibera(['daemon', 'status', '--quiet', '--state-dir', state])
  expect(stdout).toMatch(/^daemon {3}process \d+/)
})

test('a quiet worker tells what keeps it from working, and nothing else', () => {
  const written: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0)
  onTestFinished(() => void vi.restoreAllMocks())
  const display = new WorkerDisplay(true)
  display.show({ kind: 'waiting', topic: 'redis', address: 'redis://r' })
  display.show({ kind: 'joined', coordinator: 'https://c', threads: 2 })
  display.show({ kind: 'slice', tensor: 'output.weight' })
  display.show({ kind: 'trouble', topic: 'redis', error: new MiberaError('REDIS_UNREACHABLE', 'Redis is away') })
  display.stopping()
  display.end()
  expect(written).toEqual(['Redis is away. (REDIS_UNREACHABLE)\n'])
})
