import { MiberaError } from '../../base/errors.ts'
import type { ByteSource } from '../../disk/byte-source.ts'
import { maxHeaderBytes } from './limits.ts'

/** Bytes read from the source at a time. */
const windowBytes = 512 * 1024

/**
 * Reads a GGUF header front to back through a small window. Every length is checked against the caller's cap and the
 * bytes that remain before anything is allocated. Numbers are little endian.
 */
export class HeaderReader {
  readonly #source: ByteSource
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  #window = Buffer.alloc(0)
  /** Next byte in the window, and position in the file of the byte behind the window. */
  #next = 0
  #end = 0

  constructor(source: ByteSource) {
    this.#source = source
  }

  /** Position in the file. */
  get position(): number {
    return this.#end - (this.#window.length - this.#next)
  }

  get remaining(): number {
    return Math.min(this.#source.size, maxHeaderBytes) - this.position
  }

  /**
   * The next `length` bytes, valid until the next call; `what` names them in messages.
   * @throws MiberaError GGUF_MALFORMED when the file, or the largest header allowed, ends before.
   */
  async bytes(length: number, what: string): Promise<Buffer> {
    if (this.#window.length - this.#next < length) await this.#refill(length, what)
    this.#next += length
    return this.#window.subarray(this.#next - length, this.#next)
  }

  async u32(what: string): Promise<number> {
    return (await this.bytes(4, what)).readUInt32LE()
  }

  /** A 64-bit count or size that must not exceed `limit`. */
  async size(what: string, limit: number): Promise<number> {
    const bytes = await this.bytes(8, what)
    const value = bytes.readUInt32LE(4) * 2 ** 32 + bytes.readUInt32LE(0)
    if (value > limit) {
      throw this.malformed(`${what} is ${bytes.readBigUInt64LE()}, the limit is ${limit}`)
    }
    return value
  }

  /** A count of things that take at least `minimumBytes` each. */
  async count(what: string, limit: number, minimumBytes: number): Promise<number> {
    const count = await this.size(what, limit)
    if (count * minimumBytes > this.remaining) {
      throw this.malformed(`${what} is ${count}, for which the ${this.remaining} bytes that remain are too few`)
    }
    return count
  }

  async string(what: string, maxBytes: number): Promise<string> {
    const length = await this.size(what, maxBytes)
    const bytes = await this.bytes(length, what)
    try {
      return this.#decoder.decode(bytes)
    } catch {
      throw this.malformed(`${what} is not valid UTF-8`)
    }
  }

  malformed(what: string): MiberaError {
    return new MiberaError('GGUF_MALFORMED', `${this.#source.name} is not a lawful GGUF: ${what}`, {
      subject: this.#source.name,
      hint: 'Download or convert the file again.',
    })
  }

  async #refill(needed: number, what: string): Promise<void> {
    const { position, remaining } = this
    if (needed > remaining) throw this.#tooShort(needed, what)
    const window = Buffer.alloc(Math.min(Math.max(needed, windowBytes), remaining))
    await this.#source.read(window, position)
    this.#window = window
    this.#next = 0
    this.#end = position + window.length
  }

  #tooShort(needed: number, what: string): MiberaError {
    const wanted = `${what} needs ${needed} bytes at byte ${this.position}`
    if (this.#source.size <= maxHeaderBytes) {
      return this.malformed(`${wanted}, but the file ends at byte ${this.#source.size}`)
    }
    return this.malformed(`${wanted}, but a header may have ${maxHeaderBytes} bytes at most`)
  }
}
