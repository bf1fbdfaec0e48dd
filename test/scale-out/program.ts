import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Machine } from './network.ts'
import { checkout } from './unbundled.ts'

export interface ProgramOptions {
  /** Modules of this folder that are loaded before anything else, in every thread. */
  readonly preload?: readonly string[]
  /** The checkout that is started and has these modules, if it is another. */
  readonly from?: string
  readonly env?: Readonly<Record<string, string>>
}

/** `mibera` on a machine of a trial, in the foreground. Killed after the test, if it still runs. */
export class Program {
  readonly pid: number
  /** Settles when it has ended: with its status, or with the signal that ended it. */
  readonly end: Promise<number | NodeJS.Signals>
  readonly #child: ChildProcess
  readonly #told = new Set<() => void>()
  #output = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    this.pid = child.pid ?? -1
    this.end = once(child, 'close').then(([status, signal]) => signal ?? status)
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
        for (const tell of this.#told) tell()
      })
    }
    onTestFinished(async () => {
      this.signal('SIGKILL')
      await this.end
    })
  }

  static start(machine: Machine, words: readonly string[], options: ProgramOptions = {}): Program {
    const { preload = [], from = checkout, env = {} } = options
    const modules = preload.map((name) => pathToFileURL(join(from, 'test/scale-out', name)).href)
    const loading = modules.flatMap((module) => ['--import', module])
    const mainScript = join(from, 'dist/cli/main.js')
    const [program, all] = machine.command(process.execPath, [...loading, mainScript, ...words])
    const stdio = ['ignore', 'pipe', 'pipe', 'pipe', 'ipc'] as const
    return new Program(spawn(program, all, { stdio: [...stdio], env: { ...process.env, ...env } }))
  }

  /** All that it said so far. */
  get output(): string {
    return this.#output
  }

  /** What a preloaded module tells on file descriptor 3. */
  get ledger(): Readable {
    return this.#child.stdio[3] as Readable
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** The first message over Node's channel between processes. */
  async message<T>(): Promise<T> {
    const ended = this.end.then((end) => Promise.reject(new Error(`it ended with ${end}:\n${this.#output}`)))
    const [message] = (await Promise.race([once(this.#child, 'message'), ended])) as [T]
    return message
  }

  /** Waits until it has said something. */
  async said(pattern: RegExp): Promise<void> {
    const heard = new Promise<void>((resolve) => {
      const look = () => {
        if (!pattern.test(this.#output)) return
        this.#told.delete(look)
        resolve()
      }
      this.#told.add(look)
      look()
    })
    const ended = this.end.then(() => {
      if (!pattern.test(this.#output)) throw new Error(`it ended without saying ${pattern}:\n${this.#output}`)
    })
    await Promise.race([heard, ended])
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.hasEnded) this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.end
  }
}
