import { existsSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import { HealthFile } from '#dist/cli/health-file.js'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
afterEach(() => void vi.useRealTimers())

test("a worker's file is there from the handshake to the end, young, and only while daemon and Redis answer", async () => {
  const path = join(await temporaryFolder(), 'healthy')
  const health = new HealthFile(path)
  const error = new MiberaError('REDIS_UNREACHABLE', 'away')
  const age = () => Date.now() - statSync(path).mtimeMs
  expect(existsSync(path)).toBe(false)
  health.note({ kind: 'joined', coordinator: 'https://big:7600', threads: 2 })
  expect(existsSync(path)).toBe(true)

  utimesSync(path, 0, 0)
  vi.advanceTimersByTime(5000)
  expect(age()).toBeLessThan(60_000)

  health.note({ kind: 'trouble', topic: 'redis', error })
  health.note({ kind: 'trouble', topic: 'coordinator', error })
  health.note({ kind: 'trouble-over', topic: 'redis' })
  vi.advanceTimersByTime(20_000)
  expect(existsSync(path)).toBe(false)
  health.note({ kind: 'trouble-over', topic: 'coordinator' })
  expect(existsSync(path)).toBe(true)

  health.end()
  vi.advanceTimersByTime(20_000)
  expect(existsSync(path)).toBe(false)
})
