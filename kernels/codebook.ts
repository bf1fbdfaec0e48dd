/**
 * Codebooks of the grid types (IQ1, IQ2, IQ3): of all runs of four or eight levels only those of a fixed grid can be
 * stored, by the number of their row. A run that is not in the grid becomes one of its neighbours there: the rows at
 * the least distance, and at the next ones up to a number of distances that the type sets.
 *
 * The tables are made at a type's first use in an instance, in memory set apart for them; until then its pages are
 * never touched. A run of levels is known by its code, Σ level i · radix^i.
 */

/** A type's codebook. It lies in static memory: `changetype<Codebook>(memory.data(codebookBytes, 16))`. */
@unmanaged
export class Codebook {
  /** Levels in a row, 4 or 8. */
  length: i32
  /** Levels are 0 … radix − 1. */
  radix: i32
  rowCount: i32
  /** One u16 for each row. */
  codes: usize
  /** Neighbours are the rows at this many least distances. */
  distances: i32
  /** Whether the levels looked up need not be those that values round to: `near` is not made, and `all` split. */
  split: bool
  /** Where the tables go, and how many bytes there are. */
  space: usize
  spaceBytes: usize

  /** Codes there are: radix^length. */
  codeCount: i32
  /** The row of each code as i16, or −1. */
  rowOf: usize
  /**
   * Address, by code, of all neighbours: a u16 that counts them, then for each, the nearest first, the levels of its row
   * as u16: four of three bits or eight of two bits, the first in the low bits. Split: for each 16 rows first all low
   * bytes and then all high bytes.
   */
  all: usize
  /** The same of those that can be the nearest to values that round to the code. */
  near: usize
  /** The row's levels as bytes, eight for each row. */
  levels: usize
  /** What each row's levels stand for, 2 · level + 1, as f32. */
  values: usize
  /** First free byte after the tables; 0 before they are made. */
  end: usize
}

export const codebookBytes: i32 = 64

/** The part in a code of four levels of two bits each. */
export const ternary: usize = memory.data(512, 16)

/** The row at a place of a list that is not split. */
export function rowAt(book: Codebook, list: usize, place: usize): i32 {
  const packed = load<u16>(list + (place << 1), 2)
  return book.length == 4 ? <i32>load<i16>(book.rowOf + ((<usize>packed) << 1)) : rowOfTwoBits(book, packed)
}

/** The row with these eight levels of two bits each. */
export function rowOfTwoBits(book: Codebook, packed: u32): i32 {
  const low = <usize>load<u16>(ternary + ((packed & 255) << 1))
  const high = <usize>load<u16>(ternary + ((packed >> 8) << 1))
  return <i32>load<i16>(book.rowOf + ((low + 81 * high) << 1))
}
