import type { Plan } from '../plan/plan.ts'
import { Twins } from '../plan/twins.ts'
import { AwaitedJobs } from './awaited-jobs.ts'
import type { SliceRange } from './engine.ts'
import { JobSlices, jobKey } from './job-slices.ts'
import type { SliceId } from './slice-id.ts'
import { SliceNumbers } from './slice-numbers.ts'

/** In whose hands a slice is. */
const hands = {
  /** Bookmarked, or about to be. */
  done: 0,
  nobody: 1,
  here: 2,
  elsewhere: 3,
  /** Made elsewhere and being taken: nobody else may write it now. */
  arriving: 4,
  /** Nobody's, and only for the threads of this machine. */
  forHere: 5,
} as const

type Hand = (typeof hands)[keyof typeof hands]

/**
 * Which slices of a plan are to be made, and who has them. Each has one owner at a time, so that no two write the same
 * place of the output. Slices of twins are handed out together, as far as nobody has them. A byte for each slice: the
 * list of a plan of a million slices is a megabyte.
 */
export class WorkList {
  readonly #numbers: SliceNumbers
  readonly #twins: Twins
  readonly #jobs: JobSlices
  readonly #hand: Uint8Array
  /** No slice before this one is nobody's. */
  #cursor = 0
  /** Slices not done. */
  #left = 0
  readonly #forHere: number[] = []
  /** Told when a slice that was kept for this machine is done. */
  readonly #onDone = new Map<number, () => void>()
  /** First slices of the jobs that other machines have. */
  readonly #jobsElsewhere = new Set<string>()
  #onFree: () => void = () => {}
  /** What was handed out together with a slice, itself first. */
  readonly #together = new Map<number, readonly SliceId[]>()
  readonly #awaited = new AwaitedJobs()

  constructor(plan: Plan, todo: Iterable<SliceId>) {
    this.#numbers = new SliceNumbers(plan)
    this.#twins = new Twins(plan)
    this.#jobs = new JobSlices(this.#numbers, this.#twins)
    this.#hand = new Uint8Array(this.#numbers.count)
    for (const id of todo) {
      this.#hand[this.#numbers.of(id)] = hands.nobody
      this.#left++
    }
  }

  /** Whether every slice is done. */
  get isFinished(): boolean {
    return this.#left === 0
  }

  /** Has `listener` called when slices have come back that somebody may take. */
  onFree(listener: () => void): void {
    this.#onFree = listener
  }

  /** The tensors that slices of a job are of: one, and those that are made of the same rows. */
  tensorsOf({ tensor }: Pick<SliceRange, 'tensor'>): readonly number[] {
    return this.#twins.of(tensor)
  }

  /** The slices that are made of the same rows as one that this machine was given, itself first. */
  togetherWith(id: SliceId): readonly SliceId[] {
    return this.#together.get(this.#numbers.of(id)) ?? [id]
  }

  /** How many slices of a tensor are not done. */
  left(tensor: number): number {
    const all = { tensor, firstSlice: 0, slices: this.#numbers.slicesOf(tensor) }
    return this.#numbers.within(all).filter((number) => this.#hand[number] !== hands.done).length
  }

  /** The next slice for a thread of this machine, or `undefined`. What only this machine can make comes first. */
  takeHere(): SliceId | undefined {
    const own = this.#takeForHere()
    if (own !== undefined) return this.#give([own])
    const found = this.#nextOfNobody()
    return found === undefined ? undefined : this.#give(this.#sameRows(found))
  }

  /** The next slice that only this machine can make, or `undefined`. */
  takeForHere(): SliceId | undefined {
    const found = this.#takeForHere()
    return found === undefined ? undefined : this.#give([found])
  }

  /**
   * A slice that was handed to other machines, and is now this one's: the last handed out, least likely to be in work
   * already. `undefined` while there are slices that nobody has, or when there is none.
   */
  takeOver(): SliceId | undefined {
    if (this.#nextOfNobody() !== undefined) return undefined
    const found = this.#hand.lastIndexOf(hands.elsewhere)
    return found < 0 ? undefined : this.#give(this.#sameRows(found))
  }

  /**
   * A job for other machines: of the next sixteen slices, counted from a multiple of sixteen, those that nobody has. The
   * same slices always are of the same job, whoever counts, and whenever.
   */
  takeElsewhere(): SliceRange | undefined {
    const found = this.#nextOfNobody()
    if (found === undefined) return undefined
    const job = this.#jobs.jobOf(this.#numbers.idOf(found))
    for (const number of this.#jobs.within(job)) this.#move(number, hands.nobody, hands.elsewhere)
    this.#jobsElsewhere.add(jobKey(job))
    return job
  }

  /** Those slices of a job that other machines are still to make, twins included. */
  wanted(job: SliceRange): SliceId[] {
    return this.#jobs
      .within(job)
      .filter((number) => this.#hand[number] === hands.elsewhere)
      .map((number) => this.#numbers.idOf(number))
  }

  /** Resolves when no slice of a job is in the hands of other machines, or arriving from them. */
  settled(job: SliceRange): Promise<void> {
    return this.#isSettled(job) ? Promise.resolve() : this.#awaited.wait(job)
  }

  /** Whether the caller may now write a slice that was made elsewhere; it then says how that ended. */
  arrive(id: SliceId): boolean {
    return this.#numbers.has(id) && this.#move(this.#numbers.of(id), hands.elsewhere, hands.arriving)
  }

  /** What arrived was not taken: it is to be made again, by whoever has its job now. */
  refuse(id: SliceId): void {
    const stillElsewhere = this.#jobsElsewhere.has(jobKey(this.#jobs.jobOf(id)))
    const number = this.#numbers.of(id)
    this.#move(number, hands.arriving, stillElsewhere ? hands.elsewhere : hands.nobody)
    if (!stillElsewhere) this.#free(number, id)
  }

  done(id: SliceId): void {
    const number = this.#numbers.of(id)
    if (this.#hand[number] === hands.done) return
    this.#hand[number] = hands.done
    this.#together.delete(number)
    this.#left--
    this.#onDone.get(number)?.()
    this.#onDone.delete(number)
    this.#tell(id)
  }

  /** Slices that were done are nobody's again. Returns those that were. */
  redo(ids: readonly SliceId[]): SliceId[] {
    const redone = ids.filter(
      (id) => this.#numbers.has(id) && this.#move(this.#numbers.of(id), hands.done, hands.nobody),
    )
    if (redone.length === 0) return redone
    this.#left += redone.length
    for (const id of redone) this.#cursor = Math.min(this.#cursor, this.#numbers.of(id))
    this.#onFree()
    return redone
  }

  /** What other machines have not made of a job is nobody's again. */
  giveBack(job: SliceRange): void {
    this.#jobsElsewhere.delete(jobKey(job))
    const numbers = this.#jobs.within(job).filter((number) => this.#move(number, hands.elsewhere, hands.nobody))
    const [first] = numbers
    if (first !== undefined) this.#free(first, this.#numbers.idOf(first))
  }

  /**
   * A slice in the hands of other machines is kept for this one.
   * @param done called when it is done.
   */
  keepHere(id: SliceId, done?: () => void): boolean {
    const number = this.#numbers.of(id)
    if (!this.#numbers.has(id) || !this.#move(number, hands.elsewhere, hands.forHere)) return false
    this.#forHere.push(number)
    if (done !== undefined) this.#onDone.set(number, done)
    this.#tell(id)
    this.#onFree()
    return true
  }

  /** Slices from `number` on may be nobody's again. */
  #free(number: number, id: SliceId): void {
    this.#cursor = Math.min(this.#cursor, number)
    this.#tell(id)
    this.#onFree()
  }

  #takeForHere(): number | undefined {
    return this.#forHere.shift()
  }

  #nextOfNobody(): number | undefined {
    const found = this.#hand.indexOf(hands.nobody, this.#cursor)
    this.#cursor = found < 0 ? this.#hand.length : found
    return found < 0 ? undefined : found
  }

  /** Of the slices made of the same rows as `number`, those in the same hands; itself first. */
  #sameRows(number: number): [number, ...number[]] {
    const { tensor, slice } = this.#numbers.idOf(number)
    const others = this.#twins.of(tensor).filter((twin) => twin !== tensor)
    const numbers = others.map((twin) => this.#numbers.of({ tensor: twin, slice }))
    return [number, ...numbers.filter((other) => this.#hand[other] === this.#hand[number])]
  }

  #give(numbers: readonly [number, ...number[]]): SliceId {
    const [first] = numbers
    const ids = numbers.map((number) => this.#numbers.idOf(number))
    for (const number of numbers) this.#hand[number] = hands.here
    if (ids.length > 1) this.#together.set(first, ids)
    else this.#together.delete(first)
    for (const id of ids) this.#tell(id)
    return this.#numbers.idOf(first)
  }

  #move(number: number, from: Hand, to: Hand): boolean {
    if (this.#hand[number] !== from) return false
    this.#hand[number] = to
    return true
  }

  #tell(id: SliceId): void {
    if (this.#awaited.isEmpty) return
    const job = this.#jobs.jobOf(id)
    if (!this.#awaited.has(job) || !this.#isSettled(job)) return
    this.#jobsElsewhere.delete(jobKey(job))
    this.#awaited.settle(job)
  }

  #isSettled(job: SliceRange): boolean {
    return this.#jobs
      .within(job)
      .every((number) => this.#hand[number] !== hands.elsewhere && this.#hand[number] !== hands.arriving)
  }
}
