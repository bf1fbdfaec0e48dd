import { type Random, seededRandom } from '../helpers/random.ts'
import type { Disruption } from './disruptions.ts'
import type { Program } from './program.ts'
import { type Lines, Trial, type TrialOptions } from './trial.ts'

export interface RoundOptions extends Omit<TrialOptions, 'workers'> {
  readonly seed: number
  readonly disruptions: readonly Disruption[]
  /** How long (ms) what is cut stays cut. */
  readonly cut: number
}

const workerCount = 3
/** Of each worker to the coordinator: slow enough that a conversion takes some seconds, and much can go wrong in it. */
const bytesPerSecond = 16e6

/** One conversion by three workers in which one thing after another goes wrong, partly at the same time. */
export class Round {
  readonly trial: Trial
  readonly random: Random
  readonly cut: number
  readonly bytesPerSecond = bytesPerSecond
  /** Settles when the conversion has ended. */
  readonly over: Promise<void>
  readonly #options: RoundOptions
  readonly #workers: Program[]
  readonly #notes: string[] = []
  /** The end of what has something for itself. */
  readonly #held = new Map<string, Promise<void>>()
  readonly #begun = performance.now()
  #end: () => void = () => {}

  private constructor(options: RoundOptions, trial: Trial, workers: Program[]) {
    this.#options = options
    this.trial = trial
    this.random = seededRandom(options.seed)
    this.cut = options.cut
    this.#workers = workers
    this.over = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /** From the start of the processes to the end of the conversion, and all that must hold then. */
  static async run(options: RoundOptions): Promise<void> {
    // Source bytes come over the network; results go there too, or into a folder that everybody sees.
    const shared = options.seed % 2 === 0 ? {} : ({ shared: 'output' } as const)
    // One machine more: for a worker that nobody wants.
    const trial = await Trial.start({ ...options, ...shared, workers: workerCount + 1 })
    const round = new Round(options, trial, [])
    for (const { coordinator } of trial.lines) await coordinator.shape({ bytesPerSecond })
    await Promise.all(Array.from({ length: workerCount }, (_, index) => round.startWorker(index)))
    try {
      await round.#run()
    } finally {
      console.log(round.#story())
    }
  }

  worker(index: number): Program {
    const worker = this.#workers[index]
    if (worker === undefined) throw new Error(`no worker ${index}`)
    return worker
  }

  lines(index: number): Lines {
    const lines = this.trial.lines[index]
    if (lines === undefined) throw new Error(`no lines of worker ${index}`)
    return lines
  }

  /** Returns when it has joined. It may give up before, and is then started again, as a service manager does. */
  async startWorker(index: number): Promise<void> {
    for (;;) {
      const worker = await this.trial.startWorker(index, { join: false })
      this.#workers[index] = worker
      const joined = await this.trial.joined(worker).then(
        () => true,
        (error: unknown) => {
          if (!gaveUpAtStart(worker)) throw error
          return false
        },
      )
      if (joined) return
      this.note(`a worker gave up before it had joined (${index})`)
    }
  }

  /** For the story that is told of the round. */
  note(text: string): void {
    const seconds = (performance.now() - this.#begun) / 1000
    this.#notes.push(`${seconds.toFixed(1).padStart(6)} s ${String(this.trial.ledger.written).padStart(4)}  ${text}`)
  }

  async #run(): Promise<void> {
    const { trial } = this
    const { disruptions, model } = this.#options
    const { id } = await trial.convert()
    const last = Math.floor(model.slices * 0.85)
    const moments = disruptions.map(() => 1 + this.random.integer(last)).toSorted((a, b) => a - b)
    const ended = trial.ended(id).then(() => {
      this.note('the conversion has ended')
      this.#end()
    })
    const all = disruptions.map(async (disruption, index) => {
      const worker = this.random.integer(workerCount)
      await Promise.race([trial.ledger.reached(moments[index] ?? 0), this.over])
      await this.#disrupt(disruption, worker)
    })
    await Promise.all([ended, ...all])
    await trial.check(id)
    await trial.emptied()
    for (const worker of this.#workers) {
      worker.signal('SIGTERM')
      if ((await worker.end) !== 0 && !gaveUpAtStart(worker))
        throw new Error(`a worker could not be stopped:\n${worker.output}`)
    }
    await trial.check(id)
  }

  async #disrupt(disruption: Disruption, worker: number): Promise<void> {
    const own = disruption.on === 'a worker' ? `worker ${worker}` : disruption.on
    const release = await this.#hold(own)
    const name = disruption.on === 'a worker' ? `${disruption.name} (${worker})` : disruption.name
    this.note(name)
    try {
      await disruption.run(this, worker)
      this.note(`over: ${name}`)
    } finally {
      release()
    }
  }

  /** Waits until nobody else has it. */
  async #hold(what: string): Promise<() => void> {
    const before = this.#held.get(what)
    let release = () => {}
    const mine = new Promise<void>((resolve) => {
      release = resolve
    })
    if (what !== 'nothing') this.#held.set(what, mine)
    await before
    return release
  }

  #shown(): string {
    return this.trial.options.shared === undefined ? 'results uploaded' : 'results in a shared folder'
  }

  #story(): string {
    const { ledger } = this.trial
    const figures = ['accepted', 'late', 'wrong'] as const
    const counts = figures.map((taken) => `${ledger.count(taken)} ${taken}`).join(', ')
    const { milliseconds, before } = ledger.longestPause
    return [
      `seed ${this.#options.seed}, ${this.#shown()}: ${counts}; ${ledger.retaken} retaken; ${ledger.repeated} written again`,
      `longest pause between two slices: ${(milliseconds / 1000).toFixed(1)} s, before number ${before}`,
      ...this.#notes,
    ].join('\n')
  }
}

/** By design a worker that is cut off right after its start, before it had a job, ends and says so. */
function gaveUpAtStart({ output }: Program): boolean {
  return /\((COORDINATOR|REDIS)_UNREACHABLE\)\s*$/.test(output) && !/A conversion of/.test(output)
}
