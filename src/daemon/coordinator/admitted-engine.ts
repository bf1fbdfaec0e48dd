import type { Engine, SliceRange } from '../../convert/engine.ts'

/** Ends the part of the workers in a conversion. */
type Dismiss = () => Promise<void>

/** An engine that is given jobs only while workers are let into its conversion: a job of another would be lost on them. */
export class AdmittedEngine implements Engine {
  readonly #engine: Engine
  readonly #admitted: Promise<Dismiss | undefined>
  readonly #listeners = new Set<() => void>()
  #open = false
  #closed: Promise<void> | undefined

  /** @param admission resolves when workers are let in; `undefined`: they are not. */
  constructor(engine: Engine, admission: Promise<Dismiss | undefined>) {
    this.#engine = engine
    this.#admitted = admission.then((dismiss) => {
      this.#open = dismiss !== undefined && this.#closed === undefined
      for (const listener of [...this.#listeners]) listener()
      return dismiss
    })
  }

  get name(): Engine['name'] {
    return this.#engine.name
  }

  get capacity(): number {
    return this.#open ? this.#engine.capacity : 0
  }

  onCapacity(listener: () => void): () => void {
    const end = this.#engine.onCapacity(listener)
    this.#listeners.add(listener)
    return () => {
      end()
      this.#listeners.delete(listener)
    }
  }

  run(job: SliceRange, stop: AbortSignal): Promise<void> {
    return this.#engine.run(job, stop)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#open = false
    const dismiss = await this.#admitted
    await Promise.all([dismiss?.(), this.#engine.close()])
  }
}
