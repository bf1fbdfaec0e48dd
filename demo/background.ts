import { setTimeout as wait } from 'node:timers/promises'
import { systemCode } from '#dist/base/errors.js'

/** A process that was killed is gone by then; where nobody collects orphans it stays in the table for ever. */
const endMilliseconds = 3000

/** Processes that outlive the command line that started them. */
export class Background {
  readonly #pids = new Set<number>()

  started(pid: number): void {
    this.#pids.add(pid)
  }

  /** Kills one with SIGKILL (on Windows: terminates it), and returns when it is gone. */
  async kill(pid: number): Promise<void> {
    if (!this.#pids.delete(pid)) throw new RangeError(`process ${pid} is none of the demo's`)
    send(pid, 'SIGKILL')
    await gone(pid)
  }

  /** It has ended by itself. */
  async ended(pid: number): Promise<void> {
    this.#pids.delete(pid)
    await gone(pid)
  }

  async killAll(): Promise<void> {
    for (const pid of this.#pids) await this.kill(pid)
  }
}

async function gone(pid: number): Promise<void> {
  for (const begun = performance.now(); performance.now() - begun < endMilliseconds; await wait(20)) {
    if (!send(pid, 0)) return
  }
}

/** @returns whether there was such a process. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false
    throw error
  }
}
