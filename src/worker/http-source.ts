import { MiberaError } from '../base/errors.ts'
import type { ByteSource } from '../disk/byte-source.ts'
import type { CoordinatorClient } from './coordinator-client.ts'

interface Held {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly filled: Promise<void>
}

/** A source file that the coordinator hands out in ranges. */
export class HttpSource implements ByteSource {
  readonly name: string
  readonly size: number
  readonly #client: CoordinatorClient
  readonly #path: string
  readonly #held: Held[] = []

  constructor(
    client: CoordinatorClient,
    path: string,
    { name, size }: { readonly name: string; readonly size: number },
  ) {
    this.#client = client
    this.#path = path
    this.name = name
    this.size = size
  }

  async read(target: Uint8Array, position: number): Promise<void> {
    const held = this.#held.find(
      ({ offset, bytes }) => position >= offset && position + target.length <= offset + bytes.length,
    )
    if (held === undefined) return this.#fetch(target, position)
    await held.filled
    const start = position - held.offset
    target.set(held.bytes.subarray(start, start + target.length))
  }

  /**
   * Fetches a stretch at once, out of which many small reads are answered.
   * @returns lets it go.
   */
  hold(offset: number, byteLength: number): () => void {
    const bytes = new Uint8Array(byteLength)
    const held = { offset, bytes, filled: this.#fetch(bytes, offset) }
    // Whoever reads it is told.
    held.filled.catch(() => {})
    this.#held.push(held)
    return () => void this.#held.splice(this.#held.indexOf(held), 1)
  }

  async close(): Promise<void> {}

  /** What came before a connection broke off is kept: the next request asks for the rest. */
  async #fetch(target: Uint8Array, position: number): Promise<void> {
    let filled = 0
    const take = (chunk: Uint8Array) => {
      if (chunk.length > target.length - filled) throw this.#wrong(`more than the ${target.length} bytes asked for`)
      target.set(chunk, filled)
      filled += chunk.length
    }
    const range = () => `bytes=${position + filled}-${position + target.length - 1}`
    const exchange = { method: 'GET', path: this.#path, range, into: take } as const
    while (filled < target.length) {
      const before = filled
      await this.#client.send(exchange)
      if (filled === before) throw this.#wrong('no bytes')
    }
  }

  #wrong(what: string): MiberaError {
    return new MiberaError('SHARD_TRUNCATED', `the coordinator sent ${what} of ${this.name}`, {
      subject: this.name,
      hint: 'Check that the shard is whole on the coordinator.',
    })
  }
}
