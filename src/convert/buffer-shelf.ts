/** Buffers that are taken for a while: whoever finds none waits for one, in order. Addresses are byte offsets. */
export class BufferShelf {
  readonly #free: number[]
  readonly #waiting: ((address: number) => void)[] = []

  constructor(addresses: readonly number[]) {
    this.#free = [...addresses]
  }

  async take(): Promise<number> {
    return this.#free.pop() ?? (await new Promise<number>((resolve) => this.#waiting.push(resolve)))
  }

  give(address: number): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(address)
    else next(address)
  }
}
