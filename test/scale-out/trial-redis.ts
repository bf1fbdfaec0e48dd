import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { findRedisServer } from '../helpers/redis-server.ts'
import type { Machine } from './network.ts'

export const redisPassword = 'only for trials'

/**
 * A Redis with a password on the loopback interface of one machine of a trial. It is asked through a socket in the file
 * system, which is reached from every network namespace. What it knows survives its death only when asked for.
 */
export class TrialRedis {
  readonly port: number
  readonly #program: string
  readonly #machine: Machine
  readonly #folder: string
  #server: ChildProcess | undefined

  private constructor(program: string, machine: Machine, port: number, folder: string) {
    this.#program = program
    this.#machine = machine
    this.port = port
    this.#folder = folder
  }

  static async start(machine: Machine, port: number): Promise<TrialRedis> {
    const program = await findRedisServer()
    if (program === undefined) throw new Error('Redis in a container cannot join the trials: install redis-server.')
    const folder = await mkdtemp(join(tmpdir(), 'mibera-redis-'))
    const redis = new TrialRedis(program, machine, port, folder)
    onTestFinished(async () => {
      await redis.kill()
      await rm(folder, { recursive: true, force: true })
    })
    await redis.start()
    return redis
  }

  /** Comes back with what it had written down at its death, if it was kept. */
  async start(): Promise<void> {
    const place = [
      '--port',
      String(this.port),
      '--bind',
      '127.0.0.1',
      '--unixsocket',
      this.#socket,
      '--dir',
      this.#folder,
    ]
    const secret = ['--requirepass', redisPassword]
    const saving = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'no']
    const [program, words] = this.#machine.command(this.#program, [...place, ...secret, ...saving])
    const server = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#server = server
    let said = ''
    await new Promise<void>((resolve, reject) => {
      server.stdout.on('data', (data: Buffer) => {
        said += data.toString()
        if (/ready to accept connections (unix|at)/.test(said.toLowerCase())) resolve()
      })
      server.once('error', reject)
      server.once('exit', () => reject(new Error(`redis-server ended:\n${said}`)))
    })
  }

  /** At once. Safe when it does not run. */
  async kill(): Promise<void> {
    const server = this.#server
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const exit = once(server, 'exit')
    server.kill('SIGKILL')
    await exit
  }

  /** What it had written down is gone: it comes back empty. Only while it does not run. */
  async forget(): Promise<void> {
    await rm(join(this.#folder, 'appendonlydir'), { recursive: true, force: true })
  }

  async ask(command: string, ...words: (string | number)[]): Promise<unknown> {
    const redis = new Redis({ path: this.#socket, password: redisPassword, maxRetriesPerRequest: 1 })
    redis.on('error', () => {})
    try {
      return await redis.call(command, ...words)
    } finally {
      redis.disconnect()
    }
  }

  /** Jobs of any kind that stand in it, and parts of them. */
  async jobs(): Promise<string[]> {
    const keys = (await this.ask('KEYS', '*')) as string[]
    return keys.filter((key) => !/:(meta|id|events|stalled-check|marker|limiter|pc|metrics.*)$/.test(key)).sort()
  }

  /** A figure of INFO. */
  async figure(name: string): Promise<number> {
    return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(String(await this.ask('INFO')))?.[1])
  }

  get #socket(): string {
    return join(this.#folder, 'redis.sock')
  }
}
