import { createHash } from 'node:crypto'
import { checksumBytes, type Kernels } from '../quant/kernels.ts'

/**
 * What written blocks are recognised by when they are read again, told apart by its length: the kernels' checksum, 64
 * bytes, of slices made on this machine; SHA-256, 32 bytes, of those that came over a network, which it has protected
 * on their way, and of those bookmarked before there was a checksum. Why: docs/decisions/checksums-of-slices.md.
 *
 * @param expected taken of `byteLength` blocks before they were written.
 * @param at address of what was read of them, in the memory of the kernels.
 */
export function isAsWritten(expected: Uint8Array, kernels: Kernels, at: number, byteLength: number): boolean {
  const found =
    expected.length === checksumBytes
      ? kernels.checksum(at, byteLength)
      : createHash('sha256')
          .update(new Uint8Array(kernels.memory.buffer, at, byteLength))
          .digest()
  return Buffer.compare(expected, found) === 0
}
