/**
 * Scratch in which eight sub-blocks stand side by side, one per lane of two vectors ("left": sub-blocks 0–3, "right":
 * 4–7), element after element. Each lane then does exactly the scalar algorithm's operations in the scalar order, so
 * nothing is re-associated and the bits come out as in C.
 *
 * Every column entry is 32 bytes: element i of an array at offset o is `columns + o + 32·i`, left then right.
 */

/** Sub-blocks have at most this many weights. */
const maxElements: usize = 32
/** Bytes of one entry: eight f32. */
export const entryBytes: usize = 32
const arrayBytes: usize = maxElements * entryBytes

/** The weights of the model ("x" in ggml). */
export const values: usize = 0
/** How much the error of each value counts ("weights" in ggml). */
export const importances: usize = arrayBytes
/** The level of each value under the candidate last tried, as f32. */
export const levels: usize = 2 * arrayBytes
const perLane: usize = 3 * arrayBytes

/** Per sub-block: the least and greatest value, Σ importance and Σ importance · value. */
export const least: usize = perLane
export const greatest: usize = perLane + entryBytes
export const importanceSum: usize = perLane + 2 * entryBytes
export const valueSum: usize = perLane + 3 * entryBytes
/** First free offset, for what a search keeps per lane. */
export const searchState: usize = perLane + 4 * entryBytes

export const columns: usize = memory.data(8192, 16)

/** Four rows of four f32, `rowBytes` apart, to four lanes of column entries at `dst`. */
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

/** Eight sub-blocks of `elements` f32 (a multiple of 4), one after the other at `src`, into {@link values}. */
export function loadColumns(src: usize, elements: i32): void {
  const rowBytes = (<usize>elements) << 2
  const end = columns + values + <usize>elements * entryBytes
  for (let dst = columns + values; dst < end; dst += 4 * entryBytes) {
    transposeFour(src, rowBytes, dst)
    transposeFour(src + 4 * rowBytes, rowBytes, dst + 16)
    src += 16
  }
}
