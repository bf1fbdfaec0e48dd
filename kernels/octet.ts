/**
 * Scratch in which eight sub-blocks, an octet, stand side by side, one per lane of two vectors ("left": sub-blocks 0–3,
 * "right": 4–7), element after element. Each lane then does exactly the scalar algorithm's operations in the scalar
 * order, so nothing is re-associated and the bits come out as in C. There is room for four octets: while one waits for a
 * division or the end of a sum, the processor works on another.
 *
 * Every entry is 32 bytes: element i of an array at offset o is at `octet + o + 32·i`, left lanes then right.
 */

/** Bytes of one entry: eight f32. */
export const entryBytes: usize = 32
/** From a left vector to its right one. */
export const right: usize = 16
/** Sub-blocks have at most 32 weights. */
const arrayBytes: usize = 32 * entryBytes

/** The weights of the model ("x" in ggml). At offset 0: addresses of entries are addresses of values. */
const values: usize = 0
/** How much the error of each value counts ("weights" in ggml). */
export const importances: usize = arrayBytes
/** The level of each value under the candidate last tried, as f32. */
export const levels: usize = 2 * arrayBytes
const figures: usize = 3 * arrayBytes

/** One entry each. The least and greatest value, Σ importance and Σ importance · value. */
export const least: usize = figures
export const greatest: usize = figures + entryBytes
export const importanceSum: usize = figures + 2 * entryBytes
export const valueSum: usize = figures + 3 * entryBytes
/** Σ importance · value²; NaN where an importance is negative. */
export const valueSquareSum: usize = figures + 18 * entryBytes
/** All ones where all values of the sub-block are one and the same number ≤ 0: nothing to search. */
export const flat: usize = figures + 4 * entryBytes

/** The best fit so far, its error, and the inverse scale and minimum that gave it its levels. */
export const bestScale: usize = figures + 5 * entryBytes
export const bestMin: usize = figures + 6 * entryBytes
export const bestError: usize = figures + 7 * entryBytes
export const bestInverse: usize = figures + 8 * entryBytes
export const bestFrom: usize = figures + 9 * entryBytes

/** The candidate being tried: its levels are inverse · (value − {@link bestMin}), its fit is scale · level + min. */
export const inverse: usize = figures + 10 * entryBytes
export const scale: usize = figures + 11 * entryBytes
export const min: usize = figures + 12 * entryBytes
export const error: usize = figures + 13 * entryBytes
/** Σ importance · level, Σ importance · level², Σ importance · level · value, and the determinant made of them. */
export const levelSum: usize = figures + 14 * entryBytes
export const levelSquareSum: usize = figures + 15 * entryBytes
export const levelValueSum: usize = figures + 16 * entryBytes
export const determinant: usize = figures + 17 * entryBytes

export const octetBytes: usize = figures + 19 * entryBytes
/** Where the first octet is; each further one is {@link octetBytes} behind it. */
export const octets: usize = memory.data(14720, 16)

/** Four rows of four f32, `rowBytes` apart, to four lanes of entries at `dst`. */
function transposeFour(src: usize, rowBytes: usize, dst: usize): void {
  const row0 = v128.load(src)
  const row1 = v128.load(src + rowBytes)
  const row2 = v128.load(src + 2 * rowBytes)
  const row3 = v128.load(src + 3 * rowBytes)
  const low01 = v128.shuffle<i32>(row0, row1, 0, 4, 1, 5)
  const low23 = v128.shuffle<i32>(row2, row3, 0, 4, 1, 5)
  const high01 = v128.shuffle<i32>(row0, row1, 2, 6, 3, 7)
  const high23 = v128.shuffle<i32>(row2, row3, 2, 6, 3, 7)
  v128.store(dst, v128.shuffle<i64>(low01, low23, 0, 2))
  v128.store(dst + entryBytes, v128.shuffle<i64>(low01, low23, 1, 3))
  v128.store(dst + 2 * entryBytes, v128.shuffle<i64>(high01, high23, 0, 2))
  v128.store(dst + 3 * entryBytes, v128.shuffle<i64>(high01, high23, 1, 3))
}

/** Eight sub-blocks of `elements` f32 (a multiple of 4), one after the other at `src`, into the values of `octet`. */
export function loadOctet(octet: usize, src: usize, elements: i32): void {
  const rowBytes = (<usize>elements) << 2
  const end = octet + values + <usize>elements * entryBytes
  for (let dst = octet + values; dst < end; dst += 4 * entryBytes) {
    transposeFour(src, rowBytes, dst)
    transposeFour(src + 4 * rowBytes, rowBytes, dst + right)
    src += 16
  }
}
