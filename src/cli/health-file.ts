import { accessSync, constants, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { TroubleTopic, WorkerEvent } from '../worker/events.ts'

const renewMilliseconds = 5000

/** A file that is there, and younger than a few seconds, while all is well with a worker: what a health check looks at. */
export class HealthFile {
  readonly #path: string
  readonly #troubles = new Set<TroubleTopic>()
  #timer: NodeJS.Timeout | undefined

  /** @throws what the system says where the file could not be written: it would look like trouble of the worker's. */
  constructor(path: string) {
    this.#path = path
    accessSync(dirname(path), constants.W_OK)
    this.#remove()
  }

  note(event: WorkerEvent): void {
    if (event.kind === 'trouble') this.#troubles.add(event.topic)
    if (event.kind === 'trouble-over') this.#troubles.delete(event.topic)
    if (event.kind === 'joined') this.#timer ??= setInterval(() => this.#renew(), renewMilliseconds).unref()
    if (event.kind !== 'slice') this.#renew()
  }

  /** The worker has ended. */
  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#remove()
  }

  #renew(): void {
    if (this.#timer === undefined) return
    try {
      if (this.#troubles.size > 0) this.#remove()
      else writeFileSync(this.#path, `${process.pid}\n`)
    } catch {
      // Whoever looks finds it old: that is told, though it is the disk that is not well.
    }
  }

  #remove(): void {
    rmSync(this.#path, { force: true })
  }
}
