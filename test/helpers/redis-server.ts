import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { GenericContainer, Wait } from 'testcontainers'

const run = promisify(execFile)

export interface RunningRedis {
  kill(): Promise<void>
  freeze(): Promise<void>
  thaw(): Promise<void>
}

let found: Promise<string | undefined> | undefined

/**
 * The program redis-server, installed if need be and possible. `undefined`: there is none, but a Docker engine.
 * @throws an error that says what to install.
 */
export function findRedisServer(): Promise<string | undefined> {
  found ??= find()
  return found
}

async function find(): Promise<string | undefined> {
  const program = 'redis-server'
  if (await works(program, ['--version'])) return program
  if (await installOnDebian()) return program
  if (await works('docker', ['info'])) return undefined
  throw new Error(
    'This test needs a Redis. Install redis-server (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis), or start Docker.',
  )
}

async function installOnDebian(): Promise<boolean> {
  if (process.getuid?.() !== 0 || !(await works('apt-get', ['--version']))) return false
  // Test files run side by side: they wait for each other's lock instead of failing.
  const waiting = ['-o', 'DPkg::Lock::Timeout=300', '-qq']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const installed = async () => {
    await run('apt-get', [...waiting, 'update'], { env })
    await run('apt-get', [...waiting, 'install', '-y', '--no-install-recommends', 'redis-server'], { env })
  }
  // The lists of packages have a lock that nobody waits for: whoever comes second tries once more.
  await installed()
    .catch(installed)
    .catch(() => {})
  return works('redis-server', ['--version'])
}

async function works(program: string, words: readonly string[]): Promise<boolean> {
  try {
    await run(program, words, { timeout: 20_000 })
    return true
  } catch {
    return false
  }
}

/** It saves nothing to disk: killed, it comes back empty. */
const forgetful = ['--save', '', '--appendonly', 'no']

export async function redisProcess(
  program: string,
  port: number,
  folder: string,
  words: readonly string[],
): Promise<RunningRedis> {
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...forgetful, ...words]
  const server = spawn(program, options, { stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = once(server, 'exit')
  let said = ''
  await new Promise<void>((resolve, reject) => {
    const hear = (data: Buffer) => {
      said += data.toString()
      if (said.includes('Ready to accept connections')) resolve()
    }
    server.stdout.on('data', hear)
    server.stderr.on('data', hear)
    server.once('error', reject)
    exit.then(() => reject(new Error(`redis-server ended:\n${said}`)), reject)
  })
  return {
    kill: async () => {
      server.kill('SIGKILL')
      await exit
    },
    freeze: async () => {
      server.kill('SIGSTOP')
      await stateOf(server.pid, 'T')
    },
    thaw: async () => void server.kill('SIGCONT'),
  }
}

/** The signal is sent at once, but the process is only then stopped. */
async function stateOf(pid: number | undefined, state: string): Promise<void> {
  if (process.platform !== 'linux') return
  while (!new RegExp(`^State:\\s*${state}`, 'm').test(readFileSync(`/proc/${pid}/status`, 'utf8'))) {
    await new Promise(setImmediate)
  }
}

export async function redisInContainer(port: number, words: readonly string[]): Promise<RunningRedis> {
  const container = await new GenericContainer('redis:7-alpine')
    .withExposedPorts({ container: 6379, host: port })
    .withCommand(['redis-server', ...forgetful, ...words])
    .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
    .start()
  const docker = (word: string) => run('docker', [word, container.getId()])
  return {
    kill: async () => {
      await docker('kill')
      await container.stop()
    },
    freeze: async () => void (await docker('pause')),
    thaw: async () => void (await docker('unpause')),
  }
}

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
  await new Promise((resolve) => server.close(resolve))
  return port
}
