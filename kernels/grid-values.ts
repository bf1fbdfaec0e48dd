/** From grid rows back to weights. */

/** Four weights `unit` · value · sign of a row of four levels 0 … 7, whose code is given and values are bytes. */
export function storeRun(dst: usize, code: u32, gridValues: usize, unit: f32, signs: u32): void {
  for (let i: u32 = 0; i < 4; i++) {
    const value = unit * <f32>load<u8>(gridValues + ((code >> (3 * i)) & 7))
    store<f32>(dst + (i << 2), ((signs >> i) & 1) != 0 ? -value : value)
  }
}
