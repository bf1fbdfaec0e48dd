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

  /** Length in bytes as 64 bits, then the UTF-8 bytes. */
  string(value: string): void {
    const length = Buffer.byteLength(value)
    const { buffer, at } = this.reserve(8 + length)
    // Two halves: a number is four times as fast as a BigInt, and a vocabulary has 100 000 strings.
    buffer.writeUInt32LE(length % 2 ** 32, at)
    buffer.writeUInt32LE(Math.floor(length / 2 ** 32), at + 4)
    buffer.write(value, at + 8)
  }

  bytes(bytes: Uint8Array): void {
    const { buffer, at } = this.reserve(bytes.length)
    buffer.set(bytes, at)
  }

  /** All bytes so far, in a buffer of their own. */
  finish(): Uint8Array {
    return Uint8Array.from(this.#buffer.subarray(0, this.#length))
  }

  #grow(needed: number): void {
    const grown = Buffer.alloc(Math.max(needed, 2 * this.#buffer.length))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}
