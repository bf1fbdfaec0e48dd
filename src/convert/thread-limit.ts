/**
 * How many threads conversions may use at this moment. Whoever watches the machine's memory lowers and raises it; a
 * conversion follows.
 */
export class ThreadLimit {
  readonly #followers = new Set<(threads: number) => void>()
  #threads: number

  constructor(threads: number) {
    this.#threads = threads
  }

  get threads(): number {
    return this.#threads
  }

  set(threads: number): void {
    if (threads === this.#threads) return
    this.#threads = threads
    for (const follower of this.#followers) follower(threads)
  }

  /**
   * Calls `follower` with the limit, now and whenever it changes.
   * @returns ends this.
   */
  follow(follower: (threads: number) => void): () => void {
    this.#followers.add(follower)
    follower(this.#threads)
    return () => this.#followers.delete(follower)
  }
}
