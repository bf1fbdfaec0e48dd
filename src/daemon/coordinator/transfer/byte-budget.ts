import { MiberaError } from '../../../base/errors.ts'

interface Waiting {
  readonly holder: string
  readonly bytes: number
  readonly begin: () => void
}

export interface BudgetLimits {
  /** Bytes that all together may hold. One that alone wants more is let in when nobody else holds any. */
  readonly bytes: number
  /** How many may wait for their turn. */
  readonly waiting: number
}

/**
 * Shares out memory: each piece of work begins when its bytes fit, in the order of coming. Nobody may hold more than a
 * quarter while that is more than one piece, so that one who stands still does not hold up the others.
 */
export class ByteBudget {
  readonly #limits: BudgetLimits
  readonly #held = new Map<string, number>()
  readonly #waiting: Waiting[] = []
  #total = 0

  constructor(limits: BudgetLimits) {
    this.#limits = limits
  }

  /** Bytes that are held at this moment. */
  get held(): number {
    return this.#total
  }

  /**
   * Does `work` when its bytes fit.
   * @param gone aborted: whoever asked no longer waits.
   * @throws MiberaError TOO_MANY_REQUESTS when too many wait already; the reason of `gone`.
   */
  async use<Result>(
    { holder, bytes, gone }: { readonly holder: string; readonly bytes: number; readonly gone: AbortSignal },
    work: () => Promise<Result>,
  ): Promise<Result> {
    await this.#turn(holder, bytes, gone)
    try {
      return await work()
    } finally {
      this.#give(holder, -bytes)
      this.#next()
    }
  }

  #turn(holder: string, bytes: number, gone: AbortSignal): Promise<void> {
    gone.throwIfAborted()
    if (this.#waiting.length === 0 && this.#fits(holder, bytes)) {
      this.#give(holder, bytes)
      return Promise.resolve()
    }
    if (this.#waiting.length >= this.#limits.waiting) {
      const message = `${this.#waiting.length} transfers are waiting already`
      return Promise.reject(new MiberaError('TOO_MANY_REQUESTS', message, { hint: 'Try again in a second.' }))
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(gone.reason)
        this.#next()
      }
      const waiting: Waiting = {
        ...{ holder, bytes },
        begin: () => {
          gone.removeEventListener('abort', leave)
          resolve()
        },
      }
      gone.addEventListener('abort', leave, { once: true })
      this.#waiting.push(waiting)
      this.#next()
    })
  }

  /** Lets in who fits, in order; one who has his share already is passed over. */
  #next(): void {
    for (let index = 0; index < this.#waiting.length; ) {
      const { holder, bytes, begin } = this.#waiting[index] as Waiting
      if (!this.#isWithinShare(holder, bytes)) {
        index++
        continue
      }
      if (!this.#fits(holder, bytes)) return
      this.#waiting.splice(index, 1)
      this.#give(holder, bytes)
      begin()
    }
  }

  #fits(holder: string, bytes: number): boolean {
    return (this.#total === 0 || this.#total + bytes <= this.#limits.bytes) && this.#isWithinShare(holder, bytes)
  }

  #isWithinShare(holder: string, bytes: number): boolean {
    const own = this.#held.get(holder) ?? 0
    return own === 0 || own + bytes <= this.#limits.bytes / 4
  }

  #give(holder: string, bytes: number): void {
    const own = (this.#held.get(holder) ?? 0) + bytes
    if (own === 0) this.#held.delete(holder)
    else this.#held.set(holder, own)
    this.#total += bytes
  }
}
