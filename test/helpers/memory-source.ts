import type { ByteSource } from '#dist/disk/byte-source.js'

export interface CountingSource extends ByteSource {
  /** Bytes read so far. */
  readonly bytesRead: number
}

/** Bytes in memory as a source; `size` may claim more than there are, as a hole at the end would. */
export function memorySource(bytes: Uint8Array, size: number = bytes.length): CountingSource {
  let bytesRead = 0
  return {
    name: 'memory',
    size,
    get bytesRead() {
      return bytesRead
    },
    async read(target, position) {
      if (position + target.length > size) throw new RangeError(`read of ${target.length} bytes at ${position}`)
      target.fill(0)
      target.set(bytes.subarray(position, position + target.length))
      bytesRead += target.length
    },
    async close() {},
  }
}
