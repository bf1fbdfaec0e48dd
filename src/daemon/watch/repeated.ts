/**
 * Work that is done again and again, never twice at once: after each time as long as the work itself asks for, or
 * earlier where somebody wants it earlier.
 */
export class Repeated {
  readonly #work: () => Promise<number>
  #timer: NodeJS.Timeout | undefined
  #due = Number.POSITIVE_INFINITY
  #working = false
  #stopped = false

  /** @param work returns after how many milliseconds it is to be done again; must not throw */
  constructor(work: () => Promise<number>) {
    this.#work = work
  }

  /** Sees to it that the work begins at most so many milliseconds from now, or after the one under way. */
  within(milliseconds: number): void {
    const due = performance.now() + milliseconds
    if (this.#stopped || due >= this.#due) return
    this.#due = due
    if (!this.#working) this.#arm()
  }

  /** Nothing begins any more; what is under way ends by itself. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #arm(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#begin(), Math.max(0, this.#due - performance.now()))
  }

  async #begin(): Promise<void> {
    this.#due = Number.POSITIVE_INFINITY
    this.#working = true
    const milliseconds = await this.#work()
    this.#working = false
    this.within(milliseconds)
    if (!this.#stopped) this.#arm()
  }
}
