import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { findRedisServer, freePort, type RunningRedis, redisInContainer, redisProcess } from './redis-server.ts'

/** A real Redis of a test's own, which may do with it what it likes. Ended after the running test. */
export interface TestRedis {
  readonly url: string
  readonly port: number
  /** At once, without saving anything. */
  kill(): Promise<void>
  /** Connections stand, but nothing is answered any more. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Again on the same port, without its data. */
  restart(words?: readonly string[]): Promise<void>
  /** Runs a command, such as `flushall`, over a connection of its own. */
  command(name: string, ...words: (string | number)[]): Promise<unknown>
}

/**
 * Starts a Redis: the program redis-server, which is installed first on a fresh Debian machine as root; a container
 * where a Docker engine answers; otherwise the test fails and says what to install. It is never skipped.
 * @param words further options of redis-server, such as `--maxmemory 4mb`.
 */
export async function startRedis(words: readonly string[] = []): Promise<TestRedis> {
  const program = await findRedisServer()
  const folder = await mkdtemp(join(tmpdir(), 'mibera-redis-'))
  const port = await freePort()
  let server: RunningRedis | undefined
  let options = words
  const start = async () => {
    server =
      program === undefined ? await redisInContainer(port, options) : await redisProcess(program, port, folder, options)
  }
  const kill = async () => {
    await server?.kill()
    server = undefined
  }
  onTestFinished(async () => {
    await kill()
    await rm(folder, { recursive: true, force: true })
  })
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill,
    freeze: async () => server?.freeze(),
    thaw: async () => server?.thaw(),
    restart: async (changed = options) => {
      await kill()
      options = changed
      await start()
    },
    command: (name, ...rest) => redisCommand(`redis://${passwordIn(options)}127.0.0.1:${port}`, name, ...rest),
  }
}

/** A Redis to be shared, and keys' prefix for one test in it: `REDIS_URL`, or one of the test's own. */
export async function someRedis(): Promise<{ readonly url: string; readonly prefix: string }> {
  const given = process.env.REDIS_URL
  const url = given === undefined || given === '' ? (await startRedis()).url : given
  return { url, prefix: `mibera-test-${randomUUID()}` }
}

export async function redisCommand(url: string, name: string, ...words: (string | number)[]): Promise<unknown> {
  const redis = new Redis(url, { maxRetriesPerRequest: 2 })
  try {
    return await redis.call(name, ...words)
  } finally {
    redis.disconnect()
  }
}

function passwordIn(words: readonly string[]): string {
  const option = words.indexOf('--requirepass')
  return option < 0 ? '' : `:${words[option + 1]}@`
}
