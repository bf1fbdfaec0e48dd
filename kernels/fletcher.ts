/**
 * A checksum of blocks, after Fletcher (IEEE Transactions on Communications 30, 1982): a sum of words, and a sum of
 * that sum as it grows, which depends on their order. Words of 32 bits are dealt out to four pairs of sums of 64 bits, a
 * lane each; bytes beyond the last four words count as if zeros followed.
 *
 * Where no more than 2^32 words are summed, damage to one word or two always shows, and so do zeros in place of
 * anything else: sums of words that only became smaller are smaller.
 */

/** The sums of the last call: of the words (four lanes), then of the sums. */
const sums: usize = memory.data(64, 16)
/** The last bytes, and zeros. */
const padded: usize = memory.data(16, 16)

/** @returns the address of the checksum: 64 bytes, until the next call. */
export function fletcher(at: usize, bytes: usize): usize {
  let low = i64x2.splat(0)
  let high = i64x2.splat(0)
  let lowOfLow = i64x2.splat(0)
  let highOfHigh = i64x2.splat(0)
  const end = at + bytes
  const vectorsEnd = at + (bytes & ~15)
  while (at < vectorsEnd) {
    const words = v128.load(at)
    low = i64x2.add(low, i64x2.extend_low_i32x4_u(words))
    high = i64x2.add(high, i64x2.extend_high_i32x4_u(words))
    lowOfLow = i64x2.add(lowOfLow, low)
    highOfHigh = i64x2.add(highOfHigh, high)
    at += 16
  }
  if (at < end) {
    v128.store(padded, i64x2.splat(0))
    memory.copy(padded, at, end - at)
    const words = v128.load(padded)
    low = i64x2.add(low, i64x2.extend_low_i32x4_u(words))
    high = i64x2.add(high, i64x2.extend_high_i32x4_u(words))
    lowOfLow = i64x2.add(lowOfLow, low)
    highOfHigh = i64x2.add(highOfHigh, high)
  }
  v128.store(sums, low)
  v128.store(sums, high, 16)
  v128.store(sums, lowOfLow, 32)
  v128.store(sums, highOfHigh, 48)
  return sums
}
