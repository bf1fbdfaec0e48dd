/**
 * IQ3_XXS: superblocks of 256 weights in eight sub-blocks of 32; a half-precision scale, the grid rows of 64 runs of
 * four weights, a byte each, and for each sub-block a word of four times seven signs (the eighth makes their number
 * even) and four bits of scale (98 bytes). Weight = scale · (0.5 + sub-block scale) · 0.5 · grid value · sign.
 */
import { Codebook, codebookBytes } from './codebook'
import { prepareThreeBits } from './codebook-tables'
import { refine, rows, runsOffGrid, searchScale } from './grid-search'
import {
  greatestValue,
  lost,
  makeSignsEven,
  markLost,
  meanSquare,
  packEvenSigns,
  setNumerators,
  storeScale,
  takeSigns,
  weighBy,
  weighBySquare,
} from './grid-subblock'
import { addScalesToWords, fitSubblocks, quantizeSuperblocks } from './grid-superblock'
import { evenSigns, storeRun } from './grid-values'
import { iq3xxsCodes, iq3xxsRows } from './grids/iq3_xxs'
import { floatFromHalf } from './half'

const blockBytes: usize = 98
const runsAt: usize = 2
const signsAt: usize = 66

/** A sub-block whose greatest value is below this becomes 0. */
const tiny: f32 = 1e-8
/** Candidates are 15 (the grid's greatest value) plus steps of 0.2. */
const reach: i32 = 15
const candidates: i32 = 2 * reach + 1

const book = changetype<Codebook>(memory.data(codebookBytes, 16))
/** As many bytes as src/quant/kernel-table.ts says. */
const spaceBytes: i32 = 140_000
const space: usize = memory.data(spaceBytes, 16)
const numerators: usize = memory.data(128, 16)

function prepare(): void {
  prepareThreeBits(book, iq3xxsCodes, iq3xxsRows, 2, space, spaceBytes)
  setNumerators(numerators, 15, 0.2, reach)
}

/** Rows and signs of the sub-block `index` at `src`; gives its scale. */
function fitSubblock(src: usize, dst: usize, index: usize, given: usize, spread: f32): f32 {
  if (given != 0) weighBy(given, src, 32, spread)
  else weighBySquare(src, 32, 0)
  let signs = packEvenSigns(makeSignsEven(src, 32, takeSigns(src, 32)))
  const greatest = greatestValue(32)
  if (greatest < tiny) return 0
  let scale = searchScale(book, 32, numerators, candidates, greatest, greatest / 15, 255)
  const off = runsOffGrid(8)
  if (off != 0 && scale > 0) scale = refine(book, 32, off, scale)
  if (scale < 0) {
    scale = -scale
    signs = ~signs & 0x0fffffff
  }
  if (!(scale >= 0)) markLost()
  for (let run: usize = 0; run < 8; run++) store<u8>(dst + runsAt + index * 8 + run, load<u8>(rows + (run << 2)))
  store<u32>(dst + signsAt + index * 4, signs)
  return scale
}

function quantizeSuperblock(src: usize, dst: usize, given: usize): void {
  const spread: f32 = given != 0 ? meanSquare(src, 2) : 0
  memory.fill(dst, 0, blockBytes)
  const greatest = fitSubblocks(fitSubblock, 8, src, dst, given, spread)
  if (greatest == 0 && !lost) {
    memory.fill(dst, 0, blockBytes)
    return
  }
  const unit: f32 = greatest / 31
  storeScale(dst, unit * 1.0125)
  addScalesToWords(dst + signsAt, 4, 1 / unit)
}

/** `src`: 256 · `blocks` f32; `dst`: 98 · `blocks` bytes; `importance`: 0, or the address of one f32 per weight. */
export function quantizeIQ3XXS(src: usize, dst: usize, blocks: i32, importance: usize): void {
  prepare()
  quantizeSuperblocks(quantizeSuperblock, blockBytes, src, dst, blocks, importance)
}

/** What the levels 0 … 7 stand for. Source: ggml-common.h, iq3xxs_grid. */
const gridValues: usize = memory.data<u8>([4, 12, 20, 28, 36, 44, 52, 62])

/** `src`: 98 · `blocks` bytes; `dst`: 256 · `blocks` f32. */
export function dequantizeIQ3XXS(src: usize, dst: usize, blocks: i32): void {
  for (const end = src + <usize>blocks * blockBytes; src < end; src += blockBytes) {
    const scale = floatFromHalf(load<u16>(src))
    for (let index: usize = 0; index < 8; index++) {
      const word = load<u32>(src + signsAt + index * 4)
      const unit: f32 = scale * (<f32>0.5 + <f32>(word >> 28)) * 0.5
      for (let run: usize = 0; run < 8; run++) {
        const row = <usize>load<u8>(src + runsAt + index * 8 + run)
        const signs = evenSigns((word >> (7 * <u32>(run >> 1))) & 127) >> (4 * <u32>(run & 1))
        storeRun(dst, load<u16>(iq3xxsCodes + (row << 1)), gridValues, unit, signs)
        dst += 16
      }
    }
  }
}
