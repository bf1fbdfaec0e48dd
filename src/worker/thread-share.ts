const idBytes = 36
const pulseBytes = 4

/**
 * What the main thread of a worker shares with its other threads: the id that the coordinator gave, which a new
 * handshake changes under way, and a count that moves while any of them gets on.
 */
export class ThreadShare {
  /** Handed to a thread as it is. */
  readonly buffer: SharedArrayBuffer
  readonly #id: Buffer
  readonly #pulse: Int32Array

  constructor(buffer = new SharedArrayBuffer(pulseBytes + idBytes)) {
    this.buffer = buffer
    this.#pulse = new Int32Array(buffer, 0, 1)
    this.#id = Buffer.from(buffer, pulseBytes, idBytes)
  }

  /** A UUID. One read while it is being written is nobody's: the coordinator refuses it, and the slice is made again. */
  get worker(): string {
    return this.#id.toString('latin1')
  }

  set worker(id: string) {
    this.#id.write(id, 'latin1')
  }

  /** A thread has got on: it received or sent bytes, or finished a slice. */
  beat(): void {
    Atomics.add(this.#pulse, 0, 1)
  }

  get pulse(): number {
    return Atomics.load(this.#pulse, 0)
  }
}
