import type { BullmqEngine } from './engine.ts'
import type { JobQueue } from './job-queue.ts'

/** Jobs added in one go. */
const jobsAtOnce = 500
/** Jobs added before Redis is told to forget those that are done: what it notes of them stays that small. */
const jobsUntilForgotten = 1000

/** Sees to it that the jobs in Redis are those that engines wait for. Whatever fails half-way is made good by the next look. */
export class QueueKeeper {
  readonly #queue: JobQueue
  readonly #engines: ReadonlySet<BullmqEngine>
  #added = 0

  constructor(queue: JobQueue, engines: ReadonlySet<BullmqEngine>) {
    this.#queue = queue
    this.#engines = engines
  }

  /** Finds out what is missing in Redis, to be placed again, and removes what nobody waits for. */
  async look(): Promise<void> {
    const standing = await this.#queue.standing()
    const again = [...this.#engines].flatMap((engine) => engine.compare(standing))
    const all = [...standing.alive, ...standing.failed, ...standing.remains]
    const unwanted = all.filter((id) => ![...this.#engines].some((engine) => engine.has(id)))
    await this.#queue.remove([...again, ...unwanted])
    await this.#removeStrangers()
    await this.#forgetDone()
  }

  /** Puts the jobs that are waited for into the queue, where they are not in it as far as is known. */
  async place(): Promise<void> {
    for (const engine of this.#engines) {
      for (let jobs = engine.unplaced(jobsAtOnce); jobs.length > 0; jobs = engine.unplaced(jobsAtOnce)) {
        await this.#queue.add(engine.conversion, jobs)
        engine.placed(jobs)
        this.#added += jobs.length
        if (this.#added >= jobsUntilForgotten) await this.#forgetDone()
      }
    }
  }

  /** Removes all of a conversion but what is in the hands of workers. */
  async remove(conversion: string): Promise<void> {
    const { alive, failed, remains } = await this.#queue.standing()
    const ids = [...alive, ...failed, ...remains].filter((id) => id.startsWith(`${conversion}-`))
    await this.#queue.remove(ids)
    await this.#queue.removeFlow(conversion)
  }

  /** Flows of conversions that are not open: left behind by a coordinator that was killed. */
  async #removeStrangers(): Promise<void> {
    const open = new Set([...this.#engines].map(({ conversion }) => conversion))
    for (const conversion of await this.#queue.flows()) {
      if (!open.has(conversion)) await this.#queue.removeFlow(conversion)
    }
  }

  async #forgetDone(): Promise<void> {
    this.#added = 0
    for (const { conversion } of this.#engines) await this.#queue.forgetDone(conversion)
  }
}
