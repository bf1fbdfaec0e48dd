/**
 * Buffers for bytes on their way, used again and again: at some hundred megabytes a second, new ones would wait for the
 * garbage collector by the gigabyte. Each is as long as asked for: what is sent to a thread is copied with all that
 * lies behind its view.
 */
export class BufferShelf {
  readonly #most: number
  readonly #free: Uint8Array<ArrayBuffer>[] = []
  #bytes = 0

  /** @param most bytes kept while nobody uses them. */
  constructor(most: number) {
    this.#most = most
  }

  /** Bytes that lie here unused. */
  get bytes(): number {
    return this.#bytes
  }

  /** What it holds is anything: fill all of it. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const found = this.#free.findLastIndex((buffer) => buffer.length === length)
    if (found < 0) return new Uint8Array(new ArrayBuffer(length))
    this.#bytes -= length
    return this.#free.splice(found, 1)[0] as Uint8Array<ArrayBuffer>
  }

  /** Nobody else may use it any more. The one longest unused makes room. */
  putBack(buffer: Uint8Array<ArrayBuffer>): void {
    this.#free.push(buffer)
    this.#bytes += buffer.length
    while (this.#bytes > this.#most) this.#bytes -= this.#free.shift()?.length ?? this.#bytes
  }
}
