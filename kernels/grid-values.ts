/** From grid rows back to weights. */

/** Four weights `unit` · value · sign of a row of four levels 0 … 7, whose code is given and values are bytes. */
export function storeRun(dst: usize, code: u32, gridValues: usize, unit: f32, signs: u32): void {
  for (let i: u32 = 0; i < 4; i++) {
    const value = unit * <f32>load<u8>(gridValues + ((code >> (3 * i)) & 7))
    store<f32>(dst + (i << 2), ((signs >> i) & 1) != 0 ? -value : value)
  }
}

/** What the levels 0 … 2 of the types of two bits stand for. Source: ggml-common.h, iq2s_grid and the like. */
const twoBitValues: usize = memory.data<u8>([8, 25, 43])

/** Eight weights `unit` · value · sign of a row of eight levels 0 … 2, whose code is given. */
export function storeTwoBitRun(dst: usize, code: u32, unit: f32, signs: u32): void {
  for (let i: u32 = 0; i < 8; i++) {
    const value = unit * <f32>load<u8>(twoBitValues + (code % 3))
    code /= 3
    store<f32>(dst + (i << 2), ((signs >> i) & 1) != 0 ? -value : value)
  }
}

/** Eight signs, of which the seven given are the low ones and the number is even. */
export function evenSigns(seven: u32): u32 {
  return seven | ((popcnt(seven) & 1) << 7)
}
