import { setMaxListeners } from 'node:events'
import { MiberaError } from '../base/errors.ts'
import type { Plan } from '../plan/plan.ts'
import type { Engine, SliceRange } from './engine.ts'
import type { EventListener } from './events.ts'
import type { WorkList } from './work-list.ts'

/** An engine, and where it finds what to do next. */
export interface Crew {
  readonly engine: Engine
  next(): SliceRange | undefined
}

export interface SliceRun {
  readonly plan: Plan
  readonly work: WorkList
  readonly onEvent: EventListener
  /** Aborted: no further job is begun; slices in the hands of local threads are finished. */
  readonly stop: AbortSignal
}

/**
 * Has all slices of a work list made. Returns, and throws, only after no engine has anything in hand.
 * @throws whatever an engine failed with, but for ENGINE_LOST: what it lost is done by others, or by itself later.
 */
export function runSlices(run: SliceRun, crews: readonly Crew[]): Promise<'finished' | 'stopped'> {
  return new Dispatcher(run, crews).run()
}

class Dispatcher {
  readonly #run: SliceRun
  readonly #crews: readonly Crew[]
  /** Aborted when nothing further may be begun, whatever the reason. */
  readonly #halt = new AbortController()
  readonly #inHand = new Map<Engine, number>()
  readonly #told = new Set<string>()
  #failure: { readonly error: unknown } | undefined
  #ended: () => void = () => {}

  constructor(run: SliceRun, crews: readonly Crew[]) {
    this.#run = run
    this.#crews = crews
    // Every job in hand listens: thousands are no leak.
    setMaxListeners(0, this.#halt.signal)
  }

  async run(): Promise<'finished' | 'stopped'> {
    const { stop, work } = this.#run
    const halt = () => {
      this.#halt.abort()
      this.#look()
    }
    stop.addEventListener('abort', halt)
    work.onFree(() => this.#look())
    const quiet = this.#crews.map(({ engine }) => engine.onCapacity(() => this.#look()))
    try {
      await new Promise<void>((resolve) => {
        this.#ended = resolve
        if (stop.aborted) halt()
        else this.#look()
      })
    } finally {
      for (const end of quiet) end()
      stop.removeEventListener('abort', halt)
    }
    if (this.#failure !== undefined) throw this.#failure.error
    return work.isFinished ? 'finished' : 'stopped'
  }

  /** Hands out what there is to those who have room; ends when there is nothing left, or nothing more may be begun. */
  #look(): void {
    if (!this.#halt.signal.aborted) for (const crew of this.#crews) this.#supply(crew)
    const idle = [...this.#inHand.values()].every((jobs) => jobs === 0)
    if (idle && (this.#halt.signal.aborted || this.#run.work.isFinished)) this.#ended()
  }

  #supply(crew: Crew): void {
    const { engine } = crew
    while (this.#jobsOf(engine) < engine.capacity && !this.#halt.signal.aborted) {
      const job = crew.next()
      if (job === undefined) return
      this.#inHand.set(engine, this.#jobsOf(engine) + 1)
      void this.#carryOut(engine, job)
    }
  }

  async #carryOut(engine: Engine, job: SliceRange): Promise<void> {
    try {
      this.#announce(engine, job)
      await engine.run(job, this.#halt.signal)
    } catch (error) {
      if (error instanceof MiberaError && error.code === 'ENGINE_LOST') this.#run.work.giveBack(job)
      else this.#fail(error)
    }
    this.#inHand.set(engine, this.#jobsOf(engine) - 1)
    this.#look()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#halt.abort()
  }

  #jobsOf(engine: Engine): number {
    return this.#inHand.get(engine) ?? 0
  }

  /** Tells of tensors before any of their slices is in a thread's hands: if the process dies of one, that is known. */
  #announce(engine: Engine, job: SliceRange): void {
    for (const index of this.#run.work.tensorsOf(job)) this.#announceTensor(engine, index)
  }

  #announceTensor({ name }: Engine, index: number): void {
    const { plan, work, onEvent } = this.#run
    const key = `${name}/${index}`
    const tensor = plan.tensors[index]
    if (tensor === undefined || this.#told.has(key)) return
    const slices = work.left(index)
    // A twin that is done already, or made by itself.
    if (slices === 0) return
    this.#told.add(key)
    onEvent({ kind: 'tensor-begun', engine: name, tensor, index, slices })
  }
}
