import { quote } from '../../base/quote.ts'

/** Bytes of the first allocation. */
const initialBytes = 64 * 1024

/** Bytes appended one value after another, numbers little endian. The buffer doubles when it is full. */
export class ByteWriter {
  #buffer = Buffer.alloc(initialBytes)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Appends `length` zero bytes and returns where to write them: the buffer and the position in it. */
  reserve(length: number): { readonly buffer: Buffer; readonly at: number } {
    const end = this.#length + length
    if (end > this.#buffer.length) this.#grow(end)
    const at = this.#length
    this.#length = end
    return { buffer: this.#buffer, at }
  }

  u32(value: number): void {
    const { buffer, at } = this.reserve(4)
    buffer.writeUInt32LE(value, at)
  }

  u64(value: number | bigint): void {
    const { buffer, at } = this.reserve(8)
    buffer.writeBigUInt64LE(BigInt(value), at)
  }

  /**
   * Length in bytes as 64 bits, then the UTF-8 bytes.
   * @throws RangeError for half of a surrogate pair, which UTF-8 cannot express.
   */
  string(value: string): void {
    const at = this.#length
    const begin = at + 8
    // A UTF-16 code unit takes at most three bytes.
    const most = begin + 3 * value.length
    if (most > this.#buffer.length) this.#grow(most)
    const end = writeShortCodes(this.#buffer, begin, value) ?? begin + this.#writeAny(value, begin)
    // What has not been written to is zero, and no string of JavaScript has 2^32 bytes: the upper half stays.
    this.#buffer.writeUInt32LE(end - begin, at)
    this.#length = end
  }

  bytes(bytes: Uint8Array): void {
    const { buffer, at } = this.reserve(bytes.length)
    buffer.set(bytes, at)
  }

  /** All bytes so far, in a buffer of their own. */
  finish(): Uint8Array {
    return new Uint8Array(this.#buffer.subarray(0, this.#length))
  }

  #writeAny(value: string, at: number): number {
    if (!value.isWellFormed()) throw new RangeError(`${quote(value)} is not valid Unicode`)
    return this.#buffer.write(value, at)
  }

  #grow(needed: number): void {
    const grown = Buffer.alloc(Math.max(needed, 2 * this.#buffer.length))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}

/**
 * Writes text of which no character takes more than two bytes, as nearly all tokens and merges are. They are short, and
 * a vocabulary has 200 000 of them: a call of Buffer for each would take longer than all characters.
 * @returns the position after it; `undefined` for other text, of which some may have been written.
 */
function writeShortCodes(buffer: Buffer, at: number, text: string): number | undefined {
  let end = at
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x80) {
      buffer[end++] = code
    } else if (code < 0x800) {
      buffer[end++] = 0xc0 | (code >> 6)
      buffer[end++] = 0x80 | (code & 0x3f)
    } else {
      return undefined
    }
  }
  return end
}
