/**
 * IQ2_XXS: superblocks of 256 weights in eight sub-blocks of 32; a half-precision scale and for each sub-block two
 * words: the grid rows of four runs of eight weights, a byte each, then four times seven signs (the eighth makes their
 * number even) and four bits of scale (66 bytes). Weight = scale · (0.5 + sub-block scale) · 0.25 · grid value · sign.
 */
import { Codebook, codebookBytes } from './codebook'
import { prepareTwoBits } from './codebook-tables'
import { refine, rows, searchScale } from './grid-search'
import {
  greatestValue,
  importances,
  lost,
  makeSignsEven,
  markLost,
  meanSquare,
  packEvenSigns,
  setNumerators,
  storeScale,
  takeSigns,
  values,
  weighBy,
} from './grid-subblock'
import { addScalesToWords, fitSubblocks, quantizeSuperblocks } from './grid-superblock'
import { evenSigns, storeTwoBitRun } from './grid-values'
import { iq2xxsCodes, iq2xxsRows } from './grids/iq2_xxs'
import { floatFromHalf } from './half'
import { fitPositive } from './positive-scales'

const blockBytes: usize = 66
const wordsAt: usize = 2

/** A sub-block whose greatest value is below this becomes 0. */
const tiny: f32 = 1e-15
/** Candidates are 5 (the grid's greatest value) plus steps of 0.1, for 3 steps of the scale of evenly spaced levels. */
const reach: i32 = 6
const candidates: i32 = 2 * reach + 1
const allRuns: u32 = 15

const book = changetype<Codebook>(memory.data(codebookBytes, 16))
/** As many bytes as src/quant/kernel-table.ts says. */
const spaceBytes: i32 = 510_000
const space: usize = memory.data(spaceBytes, 16)
const numerators: usize = memory.data(64, 16)
/** The evenly spaced levels 0 … 4 of a sub-block, whose scale says where to look for that of the grid's. */
const evenLevels: usize = memory.data(32, 16)

function prepare(): void {
  prepareTwoBits(book, iq2xxsCodes, iq2xxsRows, 2, space, spaceBytes)
  setNumerators(numerators, 5, 0.1, reach)
}

/** Rows and signs of the sub-block `index` at `src`; gives its scale. */
function fitSubblock(src: usize, dst: usize, index: usize, given: usize, spread: f32): f32 {
  weighBy(given, src, 32, spread)
  let signs = packEvenSigns(makeSignsEven(src, 32, takeSigns(src, 32)))
  if (greatestValue(32) < tiny) return 0
  const even = fitPositive(values, importances, 32, evenLevels, 4)
  const reached: f32 = even * 3
  if (reached <= 0) return 0
  let scale = searchScale(book, 32, numerators, candidates, reached, even, 0)
  if (scale > 0) scale = refine(book, 32, allRuns, scale)
  if (scale < 0) {
    scale = -scale
    signs = ~signs & 0x0fffffff
  }
  if (!(scale >= 0)) markLost()
  for (let run: usize = 0; run < 4; run++) store<u8>(dst + wordsAt + index * 8 + run, load<u8>(rows + (run << 2)))
  store<u32>(dst + wordsAt + index * 8, signs, 4)
  return scale
}

function quantizeSuperblock(src: usize, dst: usize, given: usize): void {
  const spread = meanSquare(src, 1)
  memory.fill(dst, 0, blockBytes)
  const greatest = fitSubblocks(fitSubblock, 8, src, dst, given, spread)
  if (greatest == 0 && !lost) {
    memory.fill(dst, 0, blockBytes)
    return
  }
  const unit: f32 = greatest / 31
  storeScale(dst, unit)
  addScalesToWords(dst + wordsAt + 4, 8, 1 / unit)
}

/** `src`: 256 · `blocks` f32; `dst`: 66 · `blocks` bytes; `importance`: the address of one f32 per weight. */
export function quantizeIQ2XXS(src: usize, dst: usize, blocks: i32, importance: usize): void {
  prepare()
  quantizeSuperblocks(quantizeSuperblock, blockBytes, src, dst, blocks, importance)
}

/** `src`: 66 · `blocks` bytes; `dst`: 256 · `blocks` f32. */
export function dequantizeIQ2XXS(src: usize, dst: usize, blocks: i32): void {
  for (const end = src + <usize>blocks * blockBytes; src < end; src += blockBytes) {
    const scale = floatFromHalf(load<u16>(src))
    for (let run: usize = 0; run < 32; run++) {
      const at = src + wordsAt + (run >> 2) * 8
      const word = load<u32>(at, 4)
      const unit: f32 = scale * (<f32>0.5 + <f32>(word >> 28)) * 0.25
      const row = <usize>load<u8>(at + (run & 3))
      const signs = evenSigns((word >> (7 * (<u32>run & 3))) & 127)
      storeTwoBitRun(dst, load<u16>(iq2xxsCodes + (row << 1)), unit, signs)
      dst += 32
    }
  }
}
