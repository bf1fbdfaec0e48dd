/**
 * Bytes that can be read at any position: a local file today, a range of an HTTP resource tomorrow. What the bytes
 * mean is not its business.
 */
export interface ByteSource {
  /** For messages: a path or an address. */
  readonly name: string
  readonly size: number
  /**
   * Fills `target` entirely from `position`.
   * @throws MiberaError SHARD_TRUNCATED when the source ends before `target` is full, IO for any other trouble.
   */
  read(target: Uint8Array, position: number): Promise<void>
  /** The same at once, while the thread waits; only of what is near. */
  readNow?(target: Uint8Array, position: number): void
  close(): Promise<void>
}
