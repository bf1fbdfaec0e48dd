/**
 * 32 levels of 5 bits in 20 bytes, as Q5_0 and Q5_1 store them: four bytes with the fifth bits (bit i that of weight
 * i), then 16 bytes, each with the low four bits of weight i and, above, of weight 16 + i.
 */

/** `low` and `high` are the levels of weights 0–15 and 16–31, one in each byte. */
export function packFiveBits(low: v128, high: v128, dst: usize): void {
  const fifth = <u32>i8x16.bitmask(i8x16.shl(low, 3)) | ((<u32>i8x16.bitmask(i8x16.shl(high, 3))) << 16)
  store<u32>(dst, fifth)
  v128.store(dst, v128.or(v128.and(low, i8x16.splat(15)), i8x16.shl(high, 4)), 4)
}

/** 16 in every byte whose bit of the 16 in `bits` is set, else 0. */
function sixteens(bits: u32): v128 {
  const spread = i8x16.swizzle(i16x8.splat(<i16>bits), i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1))
  const own = i64x2.splat(0x8040201008040201)
  return v128.and(i8x16.eq(v128.and(spread, own), own), i8x16.splat(16))
}

/** Levels of weights 0–15. */
export function lowFiveBits(src: usize): v128 {
  return v128.or(v128.and(v128.load(src, 4), i8x16.splat(15)), sixteens(load<u16>(src)))
}

/** Levels of weights 16–31. */
export function highFiveBits(src: usize): v128 {
  return v128.or(i8x16.shr_u(v128.load(src, 4), 4), sixteens(load<u16>(src, 2)))
}
