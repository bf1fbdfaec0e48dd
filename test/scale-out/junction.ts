import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { typescriptChild } from '../helpers/typescript-child.ts'
import type { Machine } from './network.ts'

const script = new URL('./junction-child.ts', import.meta.url)

export type JunctionCommand =
  | {
      readonly kind: 'listen'
      readonly line: string
      readonly host: string
      readonly port: number
      readonly target: { readonly host: string; readonly port: number }
    }
  | { readonly kind: 'turn'; readonly line: string; readonly state: LineState }
  | { readonly kind: 'shape'; readonly line: string; readonly bytesPerSecond: number | null; readonly delay: number }

export interface JunctionReply {
  readonly id: number
  readonly port?: number
  readonly error?: string
}

/** `cut`: connections are reset, new ones too. `silent`: they stand, but no byte passes. */
export type LineState = 'open' | 'cut' | 'silent'

/** A way from one machine to another that a trial can cut, slow and restore. */
export interface Line {
  /** Where it begins. */
  readonly host: string
  readonly port: number
  turn(state: LineState): Promise<void>
  /** @param bytesPerSecond of all connections together; unlimited where it is not given. */
  shape(limits: { readonly bytesPerSecond?: number; readonly delay?: number }): Promise<void>
}

/** Lines that begin and end on one machine. Gone after the test. */
export class Junction {
  readonly #machine: Machine
  readonly #child: ChildProcess
  readonly #asked = new Map<number, (reply: JunctionReply) => void>()
  #ids = 0

  private constructor(machine: Machine, child: ChildProcess) {
    this.#machine = machine
    this.#child = child
    child.on('message', (reply: JunctionReply) => {
      this.#asked.get(reply.id)?.(reply)
      this.#asked.delete(reply.id)
    })
  }

  static async start(machine: Machine): Promise<Junction> {
    const [program, words] = machine.command(process.execPath, typescriptChild(script))
    const child = spawn(program, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error('the junction ended'))),
    ])
    return new Junction(machine, child)
  }

  async line(name: string, target: { readonly host: string; readonly port: number }): Promise<Line> {
    const host = this.#machine.address
    const port = await this.#ask({ kind: 'listen', line: name, host, port: 0, target })
    return {
      host,
      port,
      turn: async (state) => void (await this.#ask({ kind: 'turn', line: name, state })),
      shape: async ({ bytesPerSecond = null, delay = 0 }) =>
        void (await this.#ask({ kind: 'shape', line: name, bytesPerSecond, delay })),
    }
  }

  #ask(command: JunctionCommand): Promise<number> {
    const id = ++this.#ids
    return new Promise((resolve, reject) => {
      this.#asked.set(id, ({ port, error }) => (error === undefined ? resolve(port ?? 0) : reject(new Error(error))))
      this.#child.send({ id, command }, (error) => {
        if (error !== null) reject(error)
      })
    })
  }
}
